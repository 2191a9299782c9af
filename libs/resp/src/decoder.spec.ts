import fc from 'fast-check';
import { Decoder, type DecoderOptions } from './decoder.js';
import { RespError, RespProtocolError } from './errors.js';
import type { RespValue } from './value.js';

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

function decode(chunks: readonly Buffer[], options?: DecoderOptions): RespValue[] {
  const decoder = new Decoder(options);
  const values: RespValue[] = [];
  for (const chunk of chunks) {
    const reused = Buffer.from(chunk);
    decoder.push(reused);
    while (decoder.next()) values.push(decoder.value);
    reused.fill(0xee);
  }
  return values;
}

const single = (wire: Buffer) => [wire];
const bytes = (wire: Buffer) => [...wire].map((byte) => Buffer.from([byte]));

function outcome(chunks: readonly Buffer[], options?: DecoderOptions): RespValue[] | string {
  try {
    return decode(chunks, options);
  } catch (error) {
    if (!(error instanceof RespProtocolError)) throw error;
    return error.message;
  }
}

const cases: [string, string, RespValue[]][] = [
  ['simple strings', '+OK\r\n+\r\n+PONG x\r\n', ['OK', '', 'PONG x']],
  ['integers', ':0\r\n:-1\r\n:+5\r\n:1000\r\n', [0, -1, 5, 1000]],
  [
    '64-bit integers',
    ':9007199254740991\r\n:9223372036854775807\r\n:-9223372036854775808\r\n',
    [9007199254740991, 9223372036854775807n, -9223372036854775808n],
  ],
  ['bulk strings', '$3\r\nfoo\r\n$0\r\n\r\n$2\r\n\r\n\r\n', ['foo', '', '\r\n']],
  ['missing values', '$-1\r\n*-1\r\n_\r\n', [null, null, null]],
  ['arrays', '*0\r\n*3\r\n:1\r\n*1\r\n$1\r\na\r\n*0\r\n', [[], [1, ['a'], []]]],
  ['booleans', '#t\r\n#f\r\n', [true, false]],
  ['doubles', ',1.5\r\n,-0.25e3\r\n,10\r\n,inf\r\n,-inf\r\n,nan\r\n', [1.5, -250, 10, Infinity, -Infinity, NaN]],
  [
    'big numbers',
    '(3492890328409238509324850943850943825024385\r\n(-1\r\n',
    [3492890328409238509324850943850943825024385n, -1n],
  ],
  ['verbatim strings', '=8\r\ntxt:a\r\nb\r\n=4\r\nmkd:\r\n', ['a\r\nb', '']],
  [
    'maps',
    '%2\r\n+a\r\n:1\r\n*1\r\n:2\r\n_\r\n%0\r\n',
    [
      new Map<RespValue, RespValue>([
        ['a', 1],
        [[2], null],
      ]),
      new Map(),
    ],
  ],
  ['sets', '~3\r\n:1\r\n:2\r\n:1\r\n~0\r\n', [new Set([1, 2]), new Set()]],
  ['attributes, dropped', '|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+a\r\n%0\r\n:1\r\n|0\r\n:2\r\n', [[1, 2]]],
  ['UTF-8', '$8\r\nключ\r\n', ['ключ']],
];

const malformed: [string, string][] = [
  ['x\r\n', 'unknown type byte 0x78'],
  ['\r\n', 'unknown type byte'],
  [':\r\n', 'invalid integer'],
  [':-\r\n', 'invalid integer'],
  [':1x\r\n', 'invalid integer'],
  [':12345678901234567x\r\n', 'invalid big number'],
  ['#x\r\n', 'invalid boolean'],
  ['#tt\r\n', 'invalid boolean'],
  ['_x\r\n', 'invalid null'],
  [',1.2.3\r\n', 'invalid double'],
  [',\r\n', 'invalid double'],
  ['(1.5\r\n', 'invalid big number'],
  ['$-2\r\n', 'invalid bulk length'],
  ['$x\r\n', 'invalid bulk length'],
  ['$\r\n', 'invalid bulk length'],
  ['$03\r\nfoo\r\n', 'invalid bulk length'],
  ['$3x', 'invalid bulk length'],
  ['$3\r\nfooxx', 'bulk string without CRLF'],
  ['$?\r\n', 'streamed bulks are not supported'],
  ['*?\r\n', 'streamed aggregates are not supported'],
  ['%?\r\n', 'streamed aggregates are not supported'],
  ['%-1\r\n', 'invalid aggregate length'],
  ['!-1\r\n', 'invalid bulk length'],
  ['=3\r\ntxt\r\n', 'verbatim string without a format'],
  ['=5\r\nabcde\r\n', 'verbatim string without a format'],
  ['*1\r\n>1\r\n', 'push inside another reply'],
  ['>0\r\n', 'empty push'],
  ['+a\nb\r\n', 'line feed without carriage return'],
  ['+a\rb\r\n', 'carriage return without line feed'],
  ['$99999999999\r\n', 'bulk length above'],
  ['*4294967297\r\n', 'aggregate length above'],
  ['%524289\r\n', 'aggregate length above'],
  ['*1\r\n'.repeat(5000), 'nesting deeper than 64'],
  ['+' + 'a'.repeat(65_537), 'line of more than 65536 bytes'],
];

describe('Decoder', () => {
  describe.each([
    ['single chunk', single],
    ['byte by byte', bytes],
  ])('%s', (_, cut) => {
    test.each(cases)('reads %s', (_title, wire, expected) => {
      expect(decode(cut(Buffer.from(wire)))).toEqual(expected);
    });

    const titled = malformed.map(([wire, message]) => ({ wire, message, start: JSON.stringify(wire.slice(0, 24)) }));
    test.each(titled)('refuses $start: $message', ({ wire, message }) => {
      expect(outcome(cut(Buffer.from(wire)))).toMatch(`Protocol error: ${message}`);
    });

    test('reads errors, with their code and no stack', () => {
      const [moved, blob, nested] = decode(
        cut(Buffer.from('-MOVED 3999 h:1\r\n!10\r\nERR \r\nbad\0\r\n*1\r\n-BARE\r\n')),
      );
      expect(moved).toBeInstanceOf(RespError);
      expect(moved).toMatchObject({ name: 'RespError', code: 'MOVED', message: 'MOVED 3999 h:1' });
      expect((moved as RespError).stack ?? '').not.toContain('\n    at ');
      expect(blob).toMatchObject({ code: 'ERR', message: 'ERR \r\nbad\0' });
      expect((nested as RespValue[])[0]).toMatchObject({ code: 'BARE', message: 'BARE' });
      expect(Error.stackTraceLimit).toBeGreaterThan(0);
    });

    test('delivers every byte value as binary string and as Buffer', () => {
      const wire = Buffer.concat([Buffer.from('$256\r\n'), EVERY_BYTE, Buffer.from('\r\n')]);
      expect(decode(cut(wire), { bulk: 'binary' })).toEqual([EVERY_BYTE.toString('latin1')]);
      expect(decode(cut(wire), { bulk: 'buffer' })).toEqual([EVERY_BYTE]);
      expect(decode(cut(wire))).toEqual([EVERY_BYTE.toString('utf8')]);
    });

    test('hands over pushes, also inside a pipeline, and takes them for no reply', () => {
      const pushes: RespValue[][] = [];
      const wire = Buffer.from('>2\r\n+message\r\n*1\r\n:1\r\n+OK\r\n>1\r\n+x\r\n:2\r\n');
      expect(decode(cut(wire), { onPush: (items) => pushes.push(items) })).toEqual(['OK', 2]);
      expect(pushes).toEqual([['message', [1]], ['x']]);
      expect(decode(cut(wire))).toEqual(['OK', 2]);
    });
  });

  test('any value, cut anywhere, comes back', () => {
    const { value } = fc.letrec<{ value: { wire: Buffer; value: RespValue } }>((tie) => {
      const leaf = fc.oneof(
        fc.integer().map((n) => ({ wire: Buffer.from(`:${n}\r\n`), value: n as RespValue })),
        fc.bigInt().map((n) => ({ wire: Buffer.from(`(${n}\r\n`), value: n as RespValue })),
        fc.boolean().map((b) => ({ wire: Buffer.from(b ? '#t\r\n' : '#f\r\n'), value: b as RespValue })),
        fc.constant({ wire: Buffer.from('_\r\n'), value: null as RespValue }),
        fc.double({ noDefaultInfinity: true, noNaN: true }).map((x) => ({
          wire: Buffer.from(`,${Object.is(x, -0) ? '-0' : x}\r\n`),
          value: x as RespValue,
        })),
        fc.uint8Array({ maxLength: 100 }).map((b) => ({
          wire: Buffer.concat([Buffer.from(`$${b.length}\r\n`), b, Buffer.from('\r\n')]),
          value: Buffer.from(b) as RespValue,
        })),
      );
      const parts = fc.array(tie('value'), { maxLength: 5 });
      const list = parts.map((items) => ({
        wire: Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items.map((item) => item.wire)]),
        value: items.map((item) => item.value) as RespValue,
      }));
      const set = parts.map((items) => ({
        wire: Buffer.concat([Buffer.from(`~${items.length}\r\n`), ...items.map((item) => item.wire)]),
        value: new Set(items.map((item) => item.value)) as RespValue,
      }));
      const map = fc.array(fc.tuple(fc.integer(), tie('value')), { maxLength: 5 }).map((pairs) => ({
        wire: Buffer.concat([
          Buffer.from(`%${pairs.length}\r\n`),
          ...pairs.flatMap(([key, item]) => [Buffer.from(`:${key}\r\n`), item.wire]),
        ]),
        value: new Map(pairs.map(([key, item]) => [key, item.value])) as RespValue,
      }));
      return { value: fc.oneof({ maxDepth: 4 }, leaf, list, set, map) };
    });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), fc.array(fc.nat(2000)), (items, cuts) => {
        const wire = Buffer.concat(items.map((item) => item.wire));
        const at = [0, ...cuts.map((cut) => cut % (wire.length + 1)).sort((a, b) => a - b), wire.length];
        const chunks = at.slice(1).map((end, i) => wire.subarray(at[i], end));
        expect(decode(chunks, { bulk: 'buffer' })).toEqual(items.map((item) => item.value));
      }),
      { numRuns: 200 },
    );
  });

  test('a fuzzed stream ends in values, a wait or a RespProtocolError, whatever the cut', () => {
    const noise = fc.array(
      fc.oneof(
        fc.constantFrom(
          ...'+-:$*_#,(!=%~>|'.split(''),
          '\r\n',
          '\r',
          '\n',
          '-1',
          '0',
          '1',
          '2',
          '$1\r\na\r\n',
          ':1\r\n',
          '*2\r\n',
        ),
        fc.uint8Array({ maxLength: 4 }).map((b) => Buffer.from(b).toString('latin1')),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(noise, (parts) => {
        const wire = Buffer.from(parts.join(''), 'latin1');
        const whole = outcome(single(wire));
        const bit = outcome(bytes(wire));
        expect(bit).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test('caps hold before the bytes are there', () => {
    const from = (wire: string, options: DecoderOptions) => outcome([Buffer.from(wire)], options);
    expect(from('$11\r\n', { maxBulkBytes: 10 })).toMatch('bulk length above 10');
    expect(from('*3\r\n', { maxElements: 2 })).toMatch('aggregate length above 2');
    expect(from('%2\r\n', { maxElements: 3 })).toMatch('aggregate length above 1');
    expect(from('*1\r\n*1\r\n', { maxDepth: 1 })).toMatch('nesting deeper than 1');
    expect(from('$100\r\n', { maxReplyBytes: 50 })).toMatch('reply of more than 50 bytes');
    expect(from('*20\r\n' + ':1\r\n'.repeat(20), { maxReplyBytes: 50 })).toMatch('reply of more than 50 bytes');
    expect(from(':1\r\n'.repeat(50), { maxReplyBytes: 50 })).toHaveLength(50);
    expect(from('*1\r\n:1\r\n', { maxDepth: 1, maxElements: 1 })).toEqual([[1]]);
  });

  test('announcements alone allocate next to nothing', () => {
    const before = process.memoryUsage();
    const decoders = Array.from({ length: 200 }, () => {
      const decoder = new Decoder();
      decoder.push(Buffer.from('*1048576\r\n$536870912\r\nx'));
      expect(decoder.next()).toBe(false);
      return decoder;
    });
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(decoders.length * 4096);
  });

  test('1 MiB byte by byte', () => {
    const value = Buffer.alloc(2 ** 20, EVERY_BYTE);
    const wire = Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
    const [decoded] = decode(bytes(wire), { bulk: 'buffer' });
    expect((decoded as Buffer).equals(value)).toBe(true);
  });

  test('a failed decoder stays failed; wrong options are refused', () => {
    const decoder = new Decoder();
    decoder.push(Buffer.from('?'));
    expect(() => decoder.next()).toThrow(RespProtocolError);
    decoder.push(Buffer.from('+OK\r\n'));
    expect(() => decoder.next()).toThrow(RespProtocolError);
    expect(() => new Decoder({ maxDepth: -1 })).toThrow(expect.objectContaining({ code: 'ERR_RESP_OPTION' }));
    expect(() => new Decoder({ bulk: 'hex' as 'utf8' })).toThrow(/bulk: got hex/);
  });
});
