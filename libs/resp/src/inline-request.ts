import { RespProtocolError } from './errors.js';

const UNBALANCED = 'Protocol error: unbalanced quotes in request';
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
const HEX = /^[0-9a-fA-F]{2}$/;

function isSpace(char: string | undefined): boolean {
  return char === ' ' || (char !== undefined && char >= '\t' && char <= '\r');
}

/**
 * Splits an inline request (a line typed by a person or a probe) as Redis does: blanks separate, `"..."` knows `\n \r
 * \t \b \a \xHH` and takes any other escaped character as it is, `'...'` knows only `\'`, and a closing quote must end
 * its argument. `line` and the arguments are binary strings. O(n).
 * @throws {RespProtocolError} unbalanced quotes
 */
export function splitInlineRequest(line: string): string[] {
  const args: string[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(line[at])) at++;
    if (at >= line.length) return args;
    let arg = '';
    while (at < line.length && !isSpace(line[at])) {
      const char = line[at++]!;
      if (char !== '"' && char !== "'") {
        arg += char;
        continue;
      }
      for (;;) {
        if (at >= line.length) throw new RespProtocolError(UNBALANCED);
        const quoted = line[at++]!;
        if (quoted === char) break;
        if (quoted !== '\\' || at >= line.length || (char === "'" && line[at] !== "'")) {
          arg += quoted;
        } else if (line[at] === 'x' && HEX.test(line.slice(at + 1, at + 3)) && char === '"') {
          arg += String.fromCharCode(Number.parseInt(line.slice(at + 1, at + 3), 16));
          at += 3;
        } else {
          const escaped = line[at++]!;
          arg += ESCAPES[escaped] ?? escaped;
        }
      }
      if (at < line.length && !isSpace(line[at])) throw new RespProtocolError(UNBALANCED);
    }
    args.push(arg);
  }
}
