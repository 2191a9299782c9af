// Node's own cutters: what `toString('latin1')` and `toString('utf8')` call after looking up the encoding by name. They
// are on every Buffer but in no type definition.
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** `bytes[start, end)` as a flat binary string of its own. One native call. */
export function latin1Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & Slices).latin1Slice(start, end);
}

/** `bytes[start, end)` as text; bytes that are not UTF-8 become U+FFFD. One native call. */
export function utf8Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & Slices).utf8Slice(start, end);
}
