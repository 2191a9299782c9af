import type { Member } from '@dcs/cluster-membership';
import {
  checkWriteReply,
  decodeDigestReply,
  decodeFetchReply,
  decodeOk,
  decodeProbeReply,
  decodePullReply,
  decodeRememberedReply,
  decodeStatsReply,
  decodeViewReply,
  formatVersion,
  makeVersion,
  ProtocolError,
} from '@dcs/protocol';
import { commandTable } from '../../commands/table.js';
import type { PeerLink } from '../../node/ports.js';
import { decodeOrigin } from '../recovery/origin.js';
import { mayHaveArrived } from './peer-errors.js';
import { Peers } from './peers.js';

const VERSION = formatVersion(makeVersion(1_700_000_000_000, 0, 1));
const HEADER = `${VERSION} 0 s`;

/** How the answer to each command between the parts is read, by whoever sends it. `null`: it is read nowhere. */
const DECODERS: Readonly<Record<string, ((reply: unknown) => unknown) | null>> = {
  'DCS.GET': null, // a gateway's: see aux-data-plane.spec.ts
  'DCS.HEAD': null,
  'DCS.SET': (reply) => checkWriteReply('DCS.SET', reply),
  'DCS.DEL': (reply) => checkWriteReply('DCS.DEL', reply),
  'DCS.INCR': (reply) => checkWriteReply('DCS.INCR', reply),
  'DCS.TOUCH': (reply) => checkWriteReply('DCS.TOUCH', reply),
  'DCS.STATS': decodeStatsReply,
  'DCS.DRAIN': decodeOk,
  'DCS.BACKUP': decodeOk,
  'DCS.MERGE': decodeOk,
  'DCS.SYNC': decodeOk,
  'DCS.LEASE': decodeOk,
  'DCS.FETCH': decodeFetchReply,
  'DCS.VOUCH': decodeFetchReply,
  'DCS.DIGEST': (reply) => decodeDigestReply(reply, 2),
  'DCS.PULL': decodePullReply,
  'DCS.REMEMBERED': decodeRememberedReply,
  'DCS.ORIGIN': decodeOrigin,
  'DCS.PROBE': decodeProbeReply,
  'DCS.VIEW': decodeViewReply,
};

const NONSENSE: readonly unknown[] = [
  undefined,
  2,
  -1,
  Number.MAX_SAFE_INTEGER,
  NaN,
  true,
  {},
  '',
  'ok',
  '1',
  '9007199254740993 x',
  `2 ${VERSION}`,
  `1  ${VERSION}`,
  `1e3 ${VERSION.toUpperCase()}`,
  `${VERSION}0`,
  'null',
  '[]',
  '{"incarnation":1,"identity":null}',
  '{"incarnation":1,"lineage":5}',
  '{"incarnation":1,"identity":{"lineage":"l","aliveAt":1,"views":[{"epoch":1,"members":[{"id":"a","weight":0}]}]}}',
  '{"incarnation":1,"identity":{"lineage":"l","aliveAt":1,"views":[null]}}',
  '{"id":"a","epoch":1}',
  '\xff\xfe',
  [],
  [null],
  [[[[[]]]]],
  ['0', VERSION, 'k', HEADER],
  ['0', 'no version', 'k', HEADER, 'v'],
  ['0', VERSION, 'k', 'ff 0 s', 'v'],
  ['0', VERSION, 'k', `${VERSION} -1 s`, 'v'],
  ['0', VERSION, 'k', `${VERSION} 1e400 s`, 'v'],
  ['0', VERSION, 'k', null, 'v'],
  ['0', VERSION, 'k', HEADER, 5],
  [HEADER, null, ''],
  [HEADER, 'v', null],
  [VERSION, 'v', ''],
  [null, null, '', `${VERSION} 1e400`],
  [null, null, '', 5],
  ['12345678'.repeat(2), '11'],
  ['12345678', '11', ''],
  ['12345678'.repeat(2), '1', ''],
  ['12345678'.repeat(2), '11', null],
  ['0', `16384 ${VERSION} 1 ${VERSION}`, '', ''],
  ['0', `-1 ${VERSION} 1 ${VERSION}`, '', ''],
  ['0', `1 ${VERSION} 1 =1e400`, 'k', 't'],
  ['0', '', '', ''],
];

class FakeLink implements PeerLink {
  resets = 0;
  answer: (error: Error | null, reply: unknown) => void = () => undefined;
  send(_: string, __: number, callback: (error: Error | null, reply: unknown) => void): void {
    this.answer = callback;
  }
  reset(): void {
    this.resets++;
  }
  close(): void {
    this.resets = -1;
  }
}

function peersWith(link: PeerLink): Peers {
  const peers = new Peers({
    selfId: 'self',
    transport: { open: () => link },
    timers: { after: () => () => undefined },
    onHealed: () => undefined,
  });
  const member = { id: 'peer', incarnation: 1, host: 'h', dataPort: 1 } as Member;
  peers.apply({ epoch: 1, members: [member] });
  return peers;
}

test('the answer to every command between the parts of the cache is read by a decoder', () => {
  const names = [...commandTable.values()].filter(({ access }) => access === 'peer').map(({ name }) => name);
  expect(names.filter((name) => DECODERS[name] === undefined)).toEqual([]);
});

const readers = Object.entries(DECODERS).filter((entry): entry is [string, (reply: unknown) => unknown] => entry[1] !== null); // prettier-ignore

test.each(readers)('a nonsense answer to %s is no answer: suspicion, no link, and the caller is told', (_, decode) => {
  let unreadable = 0;
  for (const nonsense of NONSENSE) {
    let isSound = true;
    try {
      decode(nonsense);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      isSound = false;
    }
    if (isSound) continue; // it happens to be an answer to this command
    unreadable++;
    const link = new FakeLink();
    const peers = peersWith(link);
    const told: [Error | null, unknown][] = [];
    peers.send('peer', 'x', decode, 100, (error, reply) => told.push([error, reply]));
    link.answer(null, nonsense);
    expect(told).toEqual([[expect.objectContaining({ code: 'ERR_UNREADABLE_REPLY' }), undefined]]);
    expect(mayHaveArrived(told[0]![0]!)).toBe(true);
    expect([peers.isSuspect('peer'), link.resets, peers.unreadable]).toEqual([true, 1, 1]);
  }
  expect(unreadable).toBeGreaterThan(NONSENSE.length - 8);
});

test('a suspect is not healed by an answer to PING that is none', () => {
  const link = new FakeLink();
  const due: (() => void)[] = [];
  const healed: string[] = [];
  const peers = new Peers({
    selfId: 'self',
    transport: { open: () => link },
    timers: { after: (_, callback) => (due.push(callback), () => undefined) },
    onHealed: (id) => healed.push(id),
  });
  peers.apply({ epoch: 1, members: [{ id: 'peer', incarnation: 1, host: 'h', dataPort: 1 } as Member] });
  peers.suspect('peer', new Error('silent'));
  due.pop()!();
  link.answer(null, ['PONG']);
  expect([peers.isSuspect('peer'), healed]).toEqual([true, []]);
  due.pop()!();
  link.answer(null, 'PONG');
  expect([peers.isSuspect('peer'), healed]).toEqual([false, ['peer']]);
});
