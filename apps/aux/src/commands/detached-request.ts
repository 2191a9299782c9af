import { encodeCommandBinary, RequestDecoder } from '@dcs/resp';
import type { Request } from './session.js';

/** A copy of a request that outlives the chunk it came in. */
export function detachedRequest(request: Request): Request {
  return requestOf(argumentsOf(request));
}

export function argumentsOf(request: Request): string[] {
  return Array.from({ length: request.argc }, (_, i) => request.binary(i));
}

export function requestOf(args: readonly string[]): Request {
  const copy = new RequestDecoder();
  copy.push(Buffer.from(encodeCommandBinary(args), 'latin1'));
  copy.next();
  return copy;
}
