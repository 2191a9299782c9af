import {
  ALWAYS,
  decodeCondition,
  encodeCondition,
  encodeDelete,
  encodeGet,
  encodeHead,
  encodeIncrement,
  encodeSet,
  encodeTouch,
  IF_ABSENT,
  IF_PRESENT,
} from './commands.js';
import { decodeIncrementReply, decodeSetReply, decodeTouchReply, parseMoved } from './replies.js';
import { formatVersion, makeVersion } from './version.js';

const stamp = makeVersion(1, 2, 3);
const text = '000000000001000200000003';
const write = { epoch: 9, stamp, attempt: 1 };

/** The arguments of an encoded command, read back by their lengths. */
function argumentsOf(encoded: string): string[] {
  const found: string[] = [];
  let at = encoded.indexOf('\r\n') + 2;
  while (at < encoded.length) {
    const end = encoded.indexOf('\r\n', at);
    const length = Number(encoded.slice(at + 1, end));
    found.push(encoded.slice(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
  return found;
}

describe('commands', () => {
  test('carry their arguments in the documented order', () => {
    expect(argumentsOf(encodeGet(9, 'k'))).toEqual(['DCS.GET', '9', 'k']);
    expect(argumentsOf(encodeHead(9, 'k'))).toEqual(['DCS.HEAD', '9', 'k']);
    expect(argumentsOf(encodeSet(write, IF_ABSENT, 77, 's', 'k', 'a\r\nb'))).toEqual([
      'DCS.SET',
      '9',
      text,
      '1',
      'NX',
      '77',
      's',
      'k',
      'a\r\nb',
    ]);
    expect(argumentsOf(encodeDelete(write, ALWAYS, 'k'))).toEqual(['DCS.DEL', '9', text, '1', '-', 'k']);
    expect(argumentsOf(encodeIncrement(write, { by: -2, initial: 5, expiresAt: 0, token: 't' }, 'k'))).toEqual([
      'DCS.INCR',
      '9',
      text,
      '1',
      '-2',
      '5',
      '0',
      't',
      'k',
    ]);
    expect(argumentsOf(encodeTouch(write, 88, 'k'))).toEqual(['DCS.TOUCH', '9', text, '1', '88', 'k']);
  });

  test.each([ALWAYS, IF_ABSENT, IF_PRESENT, { if: 'version' as const, version: stamp }])(
    'condition %j round-trips',
    (condition) => {
      expect(decodeCondition(encodeCondition(condition))).toEqual(condition);
    },
  );

  test('an unknown condition is refused', () => {
    expect(() => decodeCondition('maybe')).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_CONDITION' }));
  });
});

describe('replies', () => {
  test('are read', () => {
    expect(decodeSetReply(`1 ${text}`)).toEqual({ created: true, version: stamp });
    expect(decodeSetReply(`0 ${text}`)).toEqual({ created: false, version: stamp });
    expect(decodeIncrementReply(`-12 ${text}`)).toEqual({ value: -12, version: stamp });
    expect(decodeTouchReply(formatVersion(stamp))).toEqual(stamp);
    expect(decodeTouchReply(null)).toBeUndefined();
    expect(parseMoved('MOVED 42 ::1:7000')).toEqual({ slot: 42, host: '::1', port: 7000 });
    expect(parseMoved('ERR no')).toBeUndefined();
  });

  test.each([decodeSetReply, decodeIncrementReply, decodeTouchReply])(
    '%p refuses what is not of its form',
    (decode) => {
      for (const reply of ['OK', '', 7, ['x'], `x ${text}`.slice(0, 9)]) {
        expect(() => decode(reply)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_REPLY' }));
      }
    },
  );
});
