const ASCII_ONLY_MAX = 0x7f;

/**
 * A request (an array of bulk strings) as one binary string; strings are binary strings: one char (0-255) per byte.
 * The hot path: no check, no copy beyond the concatenation. Write it with encoding `latin1`.
 */
export function encodeCommandBinary(args: readonly (string | number)[]): string {
  let out = `*${args.length}\r\n`;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const text = typeof arg === 'string' ? arg : String(arg);
    out += `$${text.length}\r\n${text}\r\n`;
  }
  return out;
}

/** The UTF-8 bytes of a text as a binary string; the text itself when it is ASCII. */
export function utf8ToBinary(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

function isAscii(text: string): boolean {
  if (text.length > 16) return Buffer.byteLength(text) === text.length;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > ASCII_ONLY_MAX) return false;
  return true;
}

/** A request of any arguments as one binary string; strings are text (sent as UTF-8), byte arrays go as they are. */
export function encodeCommandLatin1(args: readonly (string | number | Uint8Array)[]): string {
  let out = `*${args.length}\r\n`;
  for (const arg of args) {
    const bytes =
      typeof arg === 'string'
        ? utf8ToBinary(arg)
        : typeof arg === 'number'
          ? String(arg)
          : Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength).toString('latin1');
    out += `$${bytes.length}\r\n${bytes}\r\n`;
  }
  return out;
}

/**
 * A request of any arguments; strings are text (sent as UTF-8), byte arrays go as they are. A binary string (write it
 * with encoding `latin1`), or a Buffer when there is a byte array among the arguments. O(bytes).
 */
export function encodeCommand(args: readonly (string | number | Uint8Array)[]): string | Buffer {
  if (!args.some((arg) => typeof arg === 'object')) return encodeCommandLatin1(args);
  const parts: Uint8Array[] = [];
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    if (typeof arg === 'object') {
      parts.push(Buffer.from(`${text}$${arg.byteLength}\r\n`, 'latin1'), arg);
      text = '\r\n';
    } else {
      const bytes = typeof arg === 'string' ? utf8ToBinary(arg) : String(arg);
      text += `$${bytes.length}\r\n${bytes}\r\n`;
    }
  }
  parts.push(Buffer.from(text, 'latin1'));
  return Buffer.concat(parts);
}
