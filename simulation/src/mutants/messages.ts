import { RequestDecoder } from '@dcs/resp';

/** The command's name. */
export function nameOf(encoded: string): string {
  return encoded.slice(encoded.indexOf('\r\n', 4) + 2).split('\r\n', 1)[0]!;
}

export function argumentsOf(encoded: string): string[] {
  const decoder = new RequestDecoder();
  decoder.push(Buffer.from(encoded, 'latin1'));
  decoder.next();
  return Array.from({ length: decoder.argc }, (_, i) => decoder.binary(i));
}
