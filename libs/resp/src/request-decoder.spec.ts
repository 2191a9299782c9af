import fc from 'fast-check';
import { RespProtocolError } from './errors.js';
import { RequestDecoder, type RequestDecoderOptions } from './request-decoder.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');

function array(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

/** All requests in the chunks, read through every accessor. */
function decode(chunks: readonly Buffer[], options?: RequestDecoderOptions): string[][] {
  const decoder = new RequestDecoder(options);
  const requests: string[][] = [];
  for (const chunk of chunks) {
    const reused = Buffer.from(chunk);
    decoder.push(reused);
    while (decoder.next()) {
      const args: string[] = [];
      for (let i = 0; i < decoder.argc; i++) {
        const arg = decoder.binary(i);
        const bytes = latin1(arg);
        const agree =
          decoder.length(i) === arg.length &&
          decoder.framed(i) === `$${arg.length}\r\n${arg}\r\n` &&
          decoder.buffer(i).equals(bytes) &&
          decoder.source.subarray(decoder.start(i), decoder.end(i)).equals(bytes) &&
          decoder.utf8(i) === bytes.toString('utf8');
        if (!agree) throw new Error(`the accessors disagree about argument ${i}, ${JSON.stringify(arg)}`);
        args.push(arg);
      }
      requests.push(args);
    }
    reused.fill(0xee); // what next() left over must have been copied
  }
  return requests;
}

const single = (text: string) => [latin1(text)];
const bytes = (text: string) => [...latin1(text)].map((byte) => Buffer.from([byte]));

function failure(chunks: readonly Buffer[], options?: RequestDecoderOptions): string {
  try {
    decode(chunks, options);
  } catch (error) {
    expect(error).toBeInstanceOf(RespProtocolError);
    expect((error as RespProtocolError).code).toBe('ERR_RESP_PROTOCOL');
    return (error as Error).message;
  }
  return 'no error';
}

const cases: [string, string, string[][]][] = [
  ['one request', array(['GET', 'key']), [['GET', 'key']]],
  ['a pipeline', array(['PING']) + array(['SET', 'k', 'v']), [['PING'], ['SET', 'k', 'v']]],
  ['empty arguments', array(['SET', '', '']), [['SET', '', '']]],
  ['CRLF and NUL inside', array(['SET', 'a\r\nb', '\0']), [['SET', 'a\r\nb', '\0']]],
  ['every byte value', array(['SET', EVERY_BYTE, EVERY_BYTE]), [['SET', EVERY_BYTE, EVERY_BYTE]]],
  ['empty and negative arrays, skipped', `*0\r\n*-1\r\n*-10\r\n${array(['PING'])}`, [['PING']]],
  ['inline', 'PING\r\nset  k\tv\n', [['PING'], ['set', 'k', 'v']]],
  ['blank inline lines, skipped', '\r\n  \r\n\nPING\r\n', [['PING']]],
  ['inline between arrays', `${array(['A'])}B c\r\n${array(['D'])}`, [['A'], ['B', 'c'], ['D']]],
  ['inline quotes', `set "a b\\x41\\n\\"" 'c\\'\\n' ""\r\n`, [['set', 'a bA\n"', "c'\\n", '']]],
  ['inline bytes above 0x7f', 'echo "\\xff\xe9"\r\n', [['echo', '\xff\xe9']]],
];

const malformed: [string, string, string][] = [
  ['*a\r\n', 'Protocol error: invalid multibulk length', 'letters in a multibulk length'],
  ['*\r\n', 'Protocol error: invalid multibulk length', 'an empty multibulk length'],
  ['*01\r\n', 'Protocol error: invalid multibulk length', 'a leading zero'],
  ['*1 \r\n', 'Protocol error: invalid multibulk length', 'a trailing blank'],
  ['*1\rx', 'Protocol error: invalid multibulk length', 'CR without LF'],
  ['*-99999999999999999999999\r\n', 'Protocol error: invalid multibulk length', 'endless negative digits'],
  ['*4294967297\r\n', 'Protocol error: invalid multibulk length', 'a length beyond 32 bits'],
  ['*1048577\r\n', 'Protocol error: invalid multibulk length', 'one argument too many'],
  ['*1\r\n:1\r\n', "Protocol error: expected '$', got ':'", 'no bulk string'],
  ['*1\r\n$\r\n', 'Protocol error: invalid bulk length', 'an empty bulk length'],
  ['*1\r\n$-1\r\n', 'Protocol error: invalid bulk length', 'a negative bulk length'],
  ['*1\r\n$99999999999\r\n', 'Protocol error: invalid bulk length', 'a bulk length beyond the cap'],
  ['*1\r\n$1\r\nabc', 'Protocol error: invalid bulk length', 'a bulk string longer than it says'],
  ['"a\r\n', 'Protocol error: unbalanced quotes in request', 'an open quote'],
  [`'a'b\r\n`, 'Protocol error: unbalanced quotes in request', 'a closing quote inside an argument'],
  ['"a\\\r\n'.replace('\r', ''), 'Protocol error: unbalanced quotes in request', 'a dangling escape'],
  ['a'.repeat(65_537), 'Protocol error: too big inline request', 'an endless line'],
];

describe('RequestDecoder', () => {
  describe.each([
    ['single chunk', single],
    ['byte by byte', bytes],
  ])('%s', (_, cut) => {
    test.each(cases)('reads %s', (_title, wire, expected) => {
      expect(decode(cut(wire))).toEqual(expected);
    });

    test.each(malformed.map(([wire, message, title]) => ({ wire, message, title })))(
      'refuses $title',
      ({ wire, message }) => {
        expect(failure(cut(wire))).toBe(message);
      },
    );
  });

  test('any requests, cut anywhere, come back byte for byte', () => {
    const binary = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b).toString('latin1'));
    const requests = fc.array(fc.array(binary, { minLength: 1, maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(requests, fc.array(fc.nat(4000)), (expected, cuts) => {
        const wire = latin1(expected.map(array).join(''));
        const at = [0, ...cuts.map((cut) => cut % (wire.length + 1)).sort((a, b) => a - b), wire.length];
        const chunks = at.slice(1).map((end, i) => wire.subarray(at[i], end));
        expect(decode(chunks)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  test('several chunks may be pushed before next()', () => {
    const decoder = new RequestDecoder();
    for (const chunk of bytes(array(['SET', 'k', 'v']))) decoder.push(chunk);
    expect(decoder.next()).toBe(true);
    expect(decoder.binary(2)).toBe('v');
    expect(decoder.next()).toBe(false);
  });

  test('a fuzzed stream ends in requests, a wait or a RespProtocolError', () => {
    const noise = fc.array(
      fc.oneof(
        fc.constantFrom(
          '*',
          '$',
          '\r\n',
          '\r',
          '\n',
          '"',
          "'",
          '\\x',
          '-1',
          '0',
          '1',
          '3',
          '*1\r\n',
          '$1\r\n',
          '9999999',
        ),
        fc.uint8Array({ maxLength: 5 }).map((b) => Buffer.from(b).toString('latin1')),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(noise, (parts) => {
        const outcomes = [single(parts.join('')), bytes(parts.join(''))].map((chunks) => {
          try {
            return decode(chunks);
          } catch (error) {
            if (!(error instanceof RespProtocolError)) throw error;
            return error.message;
          }
        });
        // Cut differently, the same: though an error may be found a byte or so earlier than whole requests before it.
        expect(outcomes[1]).toEqual(outcomes[0]);
      }),
      { numRuns: 1000 },
    );
  });

  test('a failed decoder stays failed and holds nothing', () => {
    const decoder = new RequestDecoder();
    decoder.push(latin1('*x'));
    expect(() => decoder.next()).toThrow(RespProtocolError);
    decoder.push(latin1(array(['PING'])));
    expect(() => decoder.next()).toThrow('invalid multibulk length');
    expect(decoder.argc).toBe(0);
    expect(decoder.source).toHaveLength(0);
  });

  test('caps hold, before the bytes are there', () => {
    expect(failure(single('*3\r\n'), { maxArguments: 2 })).toMatch('invalid multibulk length');
    expect(failure(single('*1\r\n$11\r\n'), { maxBulkBytes: 10 })).toMatch('invalid bulk length');
    expect(failure(single('*1\r\n$50\r\n'), { maxRequestBytes: 50 })).toMatch('too big request');
    expect(failure(single('*9\r\n' + '$4\r\nabcd\r\n'.repeat(9)), { maxRequestBytes: 50 })).toMatch('too big request');
    expect(failure(single('abc def\r\n'), { maxInlineBytes: 6 })).toMatch('too big inline request');
    expect(failure(single('a b c\r\n'), { maxArguments: 2 })).toMatch('invalid multibulk length');
    expect(failure(single('abcdef g\r\n'), { maxBulkBytes: 5 })).toMatch('invalid bulk length');
    expect(decode(single('*1\r\n$10\r\n0123456789\r\n'), { maxBulkBytes: 10, maxArguments: 1 })).toHaveLength(1);
  });

  test.each(['maxArguments', 'maxBulkBytes', 'maxInlineBytes', 'maxRequestBytes'])('refuses a wrong %s', (name) => {
    for (const wrong of [-1, 1.5, NaN, Infinity]) {
      expect(() => new RequestDecoder({ [name]: wrong })).toThrow(
        expect.objectContaining({ code: 'ERR_RESP_OPTION', message: expect.stringContaining(name) }),
      );
    }
  });

  test('announcements alone allocate next to nothing', () => {
    const before = process.memoryUsage();
    const decoders = Array.from({ length: 200 }, () => {
      const decoder = new RequestDecoder();
      decoder.push(latin1('*1048576\r\n$536870912\r\nx'));
      expect(decoder.next()).toBe(false);
      return decoder;
    });
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(decoders.length * 4096);
  });

  test('1 MiB byte by byte, and 32 MiB in 64 KiB chunks, cost linear time', () => {
    const decoder = new RequestDecoder();
    const mib = EVERY_BYTE.repeat(4096);
    const wire = latin1(array(['SET', 'k', mib]));
    for (let i = 0; i < wire.length; i++) {
      if (decoder.next()) throw new Error(`a request after ${i} bytes`);
      decoder.push(wire.subarray(i, i + 1));
    }
    expect(decoder.next()).toBe(true);
    expect(decoder.binary(2) === mib).toBe(true);

    const chunk = Buffer.alloc(65_536, EVERY_BYTE, 'latin1');
    decoder.push(latin1(`*1\r\n$${512 * chunk.length}\r\n`));
    for (let i = 0; i < 512; i++) {
      expect(decoder.next()).toBe(false);
      decoder.push(chunk);
    }
    decoder.push(latin1('\r\n'));
    expect(decoder.next()).toBe(true);
    expect(decoder.buffer(0).equals(Buffer.alloc(512 * chunk.length, EVERY_BYTE, 'latin1'))).toBe(true);
  });

  test('many arguments', () => {
    const args = Array.from({ length: 20_000 }, (_, i) => String(i));
    const chunks = latin1(array(args) + array(['PING']));
    const cut = Array.from({ length: Math.ceil(chunks.length / 1000) }, (_, i) =>
      chunks.subarray(i * 1000, i * 1000 + 1000),
    );
    expect(decode(cut)).toEqual([args, ['PING']]);
  });

  test('accessors refuse an argument that is not there', () => {
    const decoder = new RequestDecoder();
    expect(() => decoder.binary(0)).toThrow(RangeError);
    decoder.push(latin1(array(['A', 'B'])));
    decoder.next();
    expect(() => decoder.framed(2)).toThrow(RangeError);
    expect(() => decoder.start(-1)).toThrow(RangeError);
  });

  test('upper() folds ASCII only, and the same token is the same whatever collides', () => {
    const decoder = new RequestDecoder();
    const tokens = [
      'get',
      'GeT',
      'GET',
      'ß\xe9z',
      '',
      'x'.repeat(40),
      ...Array.from({ length: 3000 }, (_, i) => `cmd${i}`),
    ];
    const names = tokens.map((token) => Buffer.from(token, 'utf8').toString('latin1'));
    decoder.push(latin1(array(names)));
    decoder.next();
    for (let i = 0; i < names.length; i++) {
      expect(decoder.upper(i)).toBe(names[i]!.replace(/[a-z]/g, (letter) => letter.toUpperCase()));
    }
  });

  test.each([
    ['0', 0],
    ['7', 7],
    ['-7', -7],
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['9007199254740992', undefined],
    ['99999999999999999999999999', undefined],
    ['', undefined],
    ['-', undefined],
    ['-0', undefined],
    ['+1', undefined],
    ['01', undefined],
    [' 1', undefined],
    ['1 ', undefined],
    ['1.0', undefined],
    ['1e3', undefined],
    ['1\r', undefined],
  ])('integer() of %j is %p', (text, expected) => {
    const decoder = new RequestDecoder();
    decoder.push(latin1(array([text, '-5'])));
    decoder.next();
    expect(decoder.integer(0)).toBe(expected);
  });
});
