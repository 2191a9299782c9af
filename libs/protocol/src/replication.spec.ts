import { encodeHeader } from './entry-header.js';
import {
  decodeDigestReply,
  decodeFetchReply,
  decodePullReply,
  decodeRememberedReply,
  encodeFetch,
  encodeIds,
  encodeMerge,
  encodePull,
  sameDigest,
  encodeDedupRecord,
  encodeResult,
  type DedupRecord,
} from './replication.js';
import { SlotSet } from './slot-set.js';
import { formatVersion, makeVersion } from './version.js';

describe('replication messages', () => {
  test('a copy carries its operation, or none', () => {
    const operation = { stamp: makeVersion(1, 2, 3), value: 7, token: 't' };
    expect(encodeMerge(4, 'k', 'h', 'v', operation)).toContain(
      '$24\r\n000000000001000200000003\r\n$1\r\n7\r\n$1\r\nt\r\n',
    );
    expect(encodeMerge(4, 'k', 'h', 'v', undefined)).toContain('$1\r\n-\r\n$1\r\n0\r\n$0\r\n\r\n');
  });

  test('requests name their command and epoch', () => {
    expect(encodeFetch(4, 'k')).toBe('*3\r\n$9\r\nDCS.FETCH\r\n$1\r\n4\r\n$1\r\nk\r\n');
    expect(encodePull(4, new SlotSet(), '0', 10)).toContain('$8\r\nDCS.PULL\r\n$1\r\n4\r\n$2048\r\n');
  });

  test('replies are read', () => {
    expect(decodeFetchReply([null, null, ''])).toEqual({ entry: undefined, sources: [], result: undefined });
    const header = { version: makeVersion(1, 2, 3), expiresAt: 9, kind: 'j' };
    const text = encodeHeader(header.version, header.expiresAt, header.kind);
    expect(decodeFetchReply([text, 'v', encodeIds(['a', 'b'])])).toEqual({
      entry: { ...header, value: 'v' },
      sources: ['a', 'b'],
      result: undefined,
    });
    expect(decodePullReply(['0', formatVersion(makeVersion(4, 5, 6)), 'k', text, 'v'])).toEqual({
      cursor: '0',
      clock: makeVersion(4, 5, 6),
      entries: [{ key: 'k', ...header, value: 'v' }],
      bytes: 2 + text.length,
    });
    expect(decodeDigestReply(['x'.repeat(16), '10', 'a'], 2)).toEqual({
      digests: 'x'.repeat(16),
      standings: '10',
      sources: ['a'],
    });
  });

  test('digests in lists are compared one by one', () => {
    const [a, b] = ['AAAAAAAABBBBBBBBCCCCCCCC', 'AAAAAAAABBBBBBBxCCCCCCCC'];
    expect([0, 1, 2].map((i) => sameDigest(a, b, i))).toEqual([true, false, true]);
  });

  test('what is remembered of operations travels whole', () => {
    const result = { version: makeVersion(5, 6, 7), value: -3 };
    expect(encodeFetch(4, 'k', { stamp: makeVersion(1, 2, 3), token: 't' })).toContain(
      '$24\r\n000000000001000200000003\r\n$1\r\nt\r\n',
    );
    expect(decodeFetchReply([null, null, '', encodeResult(result)]).result).toEqual(result);
    expect(decodeFetchReply([null, null, '', encodeResult(undefined)]).result).toBeUndefined();
    const operations: DedupRecord[] = [
      { ...result, slot: 9, stamp: makeVersion(1, 2, 3) },
      { ...result, slot: 10, key: 'a key', token: '= a token', forgetAt: 99 },
    ];
    const parts = operations.flatMap((operation) => [...encodeDedupRecord(operation)]);
    expect(decodeRememberedReply(['7', ...parts])).toEqual({ cursor: '7', operations, bytes: parts.join('').length });
  });

  test.each([null, 'OK', [], ['0'], ['0', 'c', 'k'], [1, 2, 3], ['x', '1', '']])(
    '%j is no reply to any of them',
    (reply) => {
      const refused = expect.objectContaining({ code: 'ERR_PROTOCOL_REPLY' });
      expect(() => decodeFetchReply(Array.isArray(reply) ? reply.slice(0, 2) : reply)).toThrow(refused);
      expect(() => decodePullReply(reply)).toThrow(refused);
      expect(() => decodeDigestReply(reply, 2)).toThrow(refused);
    },
  );

  test.each([null, 'OK', [], ['0', 'r', 'k'], ['0', '1 v 2 3', '', ''], ['0', 1, 2, 3]])(
    '%j is no page of what is remembered',
    (reply) => {
      expect(() => decodeRememberedReply(reply)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
    },
  );
});
