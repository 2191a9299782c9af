import fc from 'fast-check';
import { encodeCommand, encodeCommandBinary } from './command.js';
import { Decoder } from './decoder.js';
import { Reply, type RespVersion } from './reply.js';
import { RequestDecoder } from './request-decoder.js';
import type { RespValue } from './value.js';

function read(wire: string): RespValue[] {
  const decoder = new Decoder();
  decoder.push(Buffer.from(wire, 'latin1'));
  const values: RespValue[] = [];
  while (decoder.next()) values.push(decoder.value);
  return values;
}

describe('Reply', () => {
  test.each<[string, (version: RespVersion) => string, string, string]>([
    ['simple', () => Reply.simple('PONG'), '+PONG\r\n', '+PONG\r\n'],
    ['OK', () => Reply.simple('OK'), '+OK\r\n', '+OK\r\n'],
    ['error', () => Reply.error('ERR a\r\n+OK\r\n'), '-ERR a  +OK  \r\n', '-ERR a  +OK  \r\n'],
    ['integer', () => Reply.integer(-5), ':-5\r\n', ':-5\r\n'],
    ['bulk', () => Reply.bulk('a\0\xff'), '$3\r\na\0\xff\r\n', '$3\r\na\0\xff\r\n'],
    ['bulkUtf8', () => Reply.bulkUtf8('é'), '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
    ['nil', Reply.nil, '$-1\r\n', '_\r\n'],
    ['nullBulk', Reply.nullBulk, '$-1\r\n', '_\r\n'],
    ['nullArray', Reply.nullArray, '*-1\r\n', '_\r\n'],
    ['arrayHeader', () => Reply.arrayHeader(2), '*2\r\n', '*2\r\n'],
    ['mapHeader', (v) => Reply.mapHeader(2, v), '*4\r\n', '%2\r\n'],
    ['setHeader', (v) => Reply.setHeader(2, v), '*2\r\n', '~2\r\n'],
    ['pushHeader', (v) => Reply.pushHeader(2, v), '*2\r\n', '>2\r\n'],
    ['bool true', (v) => Reply.bool(true, v), ':1\r\n', '#t\r\n'],
    ['bool false', (v) => Reply.bool(false, v), ':0\r\n', '#f\r\n'],
    ['double', (v) => Reply.double(1.5, v), '$3\r\n1.5\r\n', ',1.5\r\n'],
    ['infinity', (v) => Reply.double(-Infinity, v), '$4\r\n-inf\r\n', ',-inf\r\n'],
    ['not a number', (v) => Reply.double(NaN, v), '$3\r\nnan\r\n', ',nan\r\n'],
    ['minus zero', (v) => Reply.double(-0, v), '$2\r\n-0\r\n', ',-0\r\n'],
    [
      'bigNumber',
      (v) => Reply.bigNumber(2n ** 70n, v),
      '$22\r\n1180591620717411303424\r\n',
      '(1180591620717411303424\r\n',
    ],
    ['verbatim', (v) => Reply.verbatim('hi', v), '$2\r\nhi\r\n', '=6\r\ntxt:hi\r\n'],
  ])('%s', (_, make, resp2, resp3) => {
    expect(make(2)).toBe(resp2);
    expect(make(3)).toBe(resp3);
  });

  test('an error text of any characters stays one line of bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const wire = Reply.error(`ERR ${text}`);
        expect(Buffer.from(wire, 'latin1').toString('latin1')).toBe(wire);
        expect(read(wire)).toHaveLength(1);
      }),
    );
    expect(read(Reply.error('ERR ключ'))[0]).toMatchObject({ message: 'ERR ключ' });
  });

  test('what a server writes, a client reads', () => {
    const wire = [
      Reply.mapHeader(2, 3),
      Reply.bulkUtf8('ключ'),
      Reply.double(Infinity, 3),
      Reply.bulk('set'),
      Reply.setHeader(1, 3) + Reply.bool(true, 3),
    ].join('');
    expect(read(wire)).toEqual([
      new Map<RespValue, RespValue>([
        ['ключ', Infinity],
        ['set', new Set([true])],
      ]),
    ]);
  });
});

describe('encodeCommand', () => {
  const decode = (wire: string | Buffer): string[] => {
    const decoder = new RequestDecoder();
    decoder.push(typeof wire === 'string' ? Buffer.from(wire, 'latin1') : wire);
    expect(decoder.next()).toBe(true);
    const args = Array.from({ length: decoder.argc }, (_, i) => decoder.binary(i));
    expect(decoder.next()).toBe(false);
    return args;
  };

  test('strings go as UTF-8, numbers as decimals, in one binary string', () => {
    expect(encodeCommand(['SET', 'k', 5])).toBe('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n5\r\n');
    expect(encodeCommand(['ключ'])).toBe(`*1\r\n$8\r\n${Buffer.from('ключ').toString('latin1')}\r\n`);
    expect(encodeCommand(['a long text with an é in it'])).toContain('$28\r\n');
  });

  test('byte arrays go as they are, in one Buffer', () => {
    const bytes = new Uint8Array([9, 0, 13, 10, 255, 9]).subarray(1, 5);
    const wire = encodeCommand(['SET', 'ö', bytes, 1.5, bytes]);
    expect(Buffer.isBuffer(wire)).toBe(true);
    expect(decode(wire)).toEqual(['SET', '\xc3\xb6', '\0\r\n\xff', '1.5', '\0\r\n\xff']);
  });

  test('encodeCommandBinary keeps every byte', () => {
    const binary = fc.uint8Array().map((b) => Buffer.from(b).toString('latin1'));
    fc.assert(
      fc.property(fc.array(binary, { minLength: 1 }), (args) => {
        expect(decode(encodeCommandBinary(args))).toEqual(args);
      }),
    );
  });
});
