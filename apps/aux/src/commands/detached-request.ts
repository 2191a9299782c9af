import { encodeCommandBinary, RequestDecoder } from '@dcs/resp';
import type { Request } from './session.js';

/** A copy of a request that outlives the chunk it came in. */
export function detachedRequest(request: Request): Request {
  const args: string[] = [];
  for (let i = 0; i < request.argc; i++) args.push(request.binary(i));
  const copy = new RequestDecoder();
  copy.push(Buffer.from(encodeCommandBinary(args), 'latin1'));
  copy.next();
  return copy;
}
