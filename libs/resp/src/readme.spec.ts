import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientSettings } from './client-options.js';
import { DECODER_DEFAULTS } from './decoder.js';
import { REQUEST_DECODER_DEFAULTS } from './request-decoder.js';

const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8');

/** The rows `| \`name\` | default | ...` of the table under a heading. */
function documented(heading: string): Record<string, string> {
  const section = readme.split(`### ${heading}\n`)[1]?.split('\n#')[0] ?? '';
  const rows = [...section.matchAll(/^\| `([\w.]+)` +\| ([^|]+?) +\|/gm)];
  return Object.fromEntries(rows.map((row) => [row[1]!, row[2]!]));
}

/** As the README writes a default: `64 MiB`, `10000`, `'utf8'`. */
function written(value: unknown): string {
  if (typeof value === 'number' && value >= 2 ** 20 && value % 2 ** 20 === 0) {
    return value === 2 ** 20 ? String(value) : `${value / 2 ** 20} MiB`;
  }
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function flat(options: object, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]): [string, string][] =>
      typeof value === 'object' && value !== null
        ? Object.entries(flat(value, `${name}.`))
        : [[`${prefix}${name}`, written(value)]],
    ),
  );
}

describe('README', () => {
  test('states the defaults of RequestDecoder', () => {
    expect(documented('RequestDecoder options')).toEqual(flat(REQUEST_DECODER_DEFAULTS));
  });

  test('states the defaults of Decoder', () => {
    expect(documented('Decoder options')).toEqual({ ...flat(DECODER_DEFAULTS), onPush: 'none' });
  });

  test('states the defaults of RespClient', () => {
    const { address, backoff, handshake, random, now, ...rest } = clientSettings({ host: 'h', port: 1 }, {});
    expect([address.host, handshake, random]).toEqual(['h', [], Math.random]);
    expect(now()).toBeGreaterThan(0);
    expect(documented('RespClient options')).toEqual({
      ...flat({ ...rest, reconnect: backoff }),
      handshake: 'none',
      random: '`Math.random`',
      now: '`performance.now`',
      onPush: 'none',
      onReady: 'none',
      onDown: 'none',
      onCallbackError: 'rethrow',
    });
  });
});
