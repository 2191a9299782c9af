import { BLOCKED_ERROR, encodeIds } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { ReadRepair, type ReadRepairOptions, type ReadRepairOutcome } from './read-repair.js';
import { SlotLedger } from '../slots/slot-ledger.js';

const SLOT = 5;

/** What a fetch of a key that nobody has comes to. `null`: nobody listens there; an error; else whom the node names as its sources. */
function fetch(
  nodes: Readonly<Record<string, readonly string[] | Error | null>>,
  sources: readonly string[],
): ReadRepairOutcome {
  const ledger = new SlotLedger();
  ledger.begin(SLOT, sources);
  const peers = {
    has: (id: string) => id in nodes,
    isRefusing: (id: string) => nodes[id] === null,
    suspect: () => undefined,
    send: (
      id: string,
      _: string,
      decode: (reply: unknown) => unknown,
      __: number,
      callback: (error: Error | null, reply: unknown) => void,
    ) => {
      const named = nodes[id];
      if (named == null) callback(new Error('refused'), null);
      else if (named instanceof Error) callback(named, null);
      else callback(null, decode([null, null, encodeIds([...named])]));
    },
  };
  const options = { ledger, peers, ownership: { selfId: 'self', epoch: 1 } } as unknown as ReadRepairOptions;
  let outcome: ReadRepairOutcome | undefined;
  new ReadRepair(options).repair(SLOT, 'key', undefined, [], (result) => (outcome = result));
  return outcome!;
}

test('a source that has the slot whole can say that a key is nowhere, also for one that is dead', () => {
  expect(fetch({ whole: [], dead: null }, ['whole', 'dead'])).toBe('known');
});

test('one that imports itself can not, where those that had the slot are dead: their disks may have it', () => {
  expect(fetch({ other: ['other', 'dead'], dead: null }, ['other', 'dead'])).toBe('gone');
});

test('where all are alive, those that import can say it together', () => {
  expect(fetch({ one: ['one', 'two'], two: ['two', 'one'] }, ['one', 'two'])).toBe('known');
});

test('where the slot is blocked at all sources that are alive, it is known to wait', () => {
  const blocked = new RespError(BLOCKED_ERROR);
  const silent = new Error('timed out');
  expect(fetch({ one: blocked, two: blocked, dead: null }, ['one', 'two', 'dead'])).toBe('blocked');
  expect(fetch({ one: blocked, two: silent }, ['one', 'two'])).toBe('unheard');
  expect(fetch({ one: blocked, two: [] }, ['one', 'two'])).toBe('blocked'); // what the first one has is not known
});
