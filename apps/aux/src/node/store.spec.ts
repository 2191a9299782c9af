import { SLOT_COUNT } from '@dcs/consistent-hash';
import { compareVersions, makeVersion, SlotSet } from '@dcs/protocol';
import fc from 'fast-check';
import {
  ENTRY_OVERHEAD_BYTES,
  Entry,
  entryOf,
  frame,
  isTombstone,
  lengthOf,
  sizeOf,
  tombstoneOf,
  valueOf,
} from './entry.js';
import { SlotDigests } from './slot-digests.js';
import { Store, type StoreOptions } from './store.js';

const NOW = 1_000_000;
const RETENTION_MS = 10_000;
const ALL_SLOTS = SlotSet.of(Array.from({ length: SLOT_COUNT }, (_, slot) => slot));

function makeStore(options: Partial<StoreOptions> = {}) {
  const clock = { now: NOW };
  const store = new Store({
    maxEntries: 1000,
    maxBytes: 1_000_000,
    tombstoneRetentionMs: RETENTION_MS,
    now: () => clock.now,
    hashSeed: 1,
    ...options,
  });
  return { store, clock };
}

/** What can be observed of a key: its entry, else its delete. */
function seen(store: Store, key: string): string {
  const entry = store.peek(key) ?? store.tombstoneOf(key);
  if (entry === undefined) return 'nothing';
  return `${entry.ms} ${entry.low} ${isTombstone(entry) ? 'deleted' : `${valueOf(entry)} ${entry.kind} ${entry.expiresAt}`}`;
}

/** The digests of what is there, made anew. */
function digestsOf(store: Store): SlotDigests {
  const digests = new SlotDigests();
  store.scanAll('0', Number.MAX_SAFE_INTEGER, (key, entry) => {
    digests.toggle(entry.slot, key, entry);
    return true;
  });
  return digests;
}

function total(counts: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}

describe('merge', () => {
  const entries = fc.record({
    key: fc.constantFrom<string>('a', 'b', 'c'),
    ms: fc.integer({ min: 1, max: 4 }),
    low: fc.integer({ min: 0, max: 2 }),
    value: fc.constantFrom('x', 'y', ''),
    expiresAt: fc.constantFrom(0, NOW - 1, NOW + 1000),
    deleted: fc.boolean(),
  });
  type Generated = typeof entries extends fc.Arbitrary<infer T> ? T : never;
  const made = ({ key, ms, low, value, expiresAt, deleted }: Generated): Entry => {
    const entry = entryOf(key, value, { ms, low }, expiresAt);
    return deleted ? tombstoneOf(entry, NOW + RETENTION_MS, entry.slot) : entry;
  };

  test('gives the same whatever the order, and however often', () => {
    fc.assert(
      fc.property(
        fc
          .array(entries, { maxLength: 12 })
          .chain((list) =>
            fc.tuple(
              fc.constant(list),
              fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2, maxLength: list.length * 2 }),
            ),
          ),
        ([list, shuffled]) => {
          const one = makeStore().store;
          const other = makeStore().store;
          for (const given of list) one.merge(given.key, made(given));
          for (const given of shuffled) other.merge(given.key, made(given));
          for (const key of ['a', 'b', 'c']) expect(seen(other, key)).toBe(seen(one, key));
          expect(Buffer.from(other.slotCounts.buffer).equals(Buffer.from(one.slotCounts.buffer))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('keeps the greatest version', () => {
    fc.assert(
      fc.property(fc.array(entries, { minLength: 1, maxLength: 12 }), (list) => {
        const { store } = makeStore();
        for (const given of list) store.merge('k', made({ ...given, key: 'k' }));
        const greatest = list.reduce((a, b) => (compareVersions(a, b) >= 0 ? a : b));
        const kept = store.peek('k') ?? store.tombstoneOf('k');
        expect(kept).toMatchObject({ ms: greatest.ms, low: greatest.low });
      }),
    );
  });

  test('counts entries and keeps digests per slot through overwrites, deletes, evictions, expiry and flushes', () => {
    const clock = { now: NOW, step: 0 };
    // Time may pass between any two looks at the clock.
    const { store } = makeStore({ maxEntries: 8, now: () => (clock.now += clock.step) });
    let ms = 10;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9), fc.constantFrom('set', 'late', 'ttl', 'del', 'get', 'wait', 'sweep')), {
          maxLength: 60,
        }),
        fc.nat(3),
        fc.boolean(),
        (steps, step, traced) => {
          clock.step = step;
          store.leavesTrace = () => traced;
          for (const [n, what] of steps) {
            const key = `key${n}`;
            const version = makeVersion(++ms, 0, 1);
            if (what === 'set') store.merge(key, entryOf(key, 'v', version));
            if (what === 'late') store.merge(key, entryOf(key, 'v', makeVersion(ms - 5, 0, 1)));
            if (what === 'ttl') store.merge(key, entryOf(key, 'v', version, clock.now + 5));
            if (what === 'del') store.merge(key, store.tombstone(version, entryOf(key, '', version).slot));
            if (what === 'get') store.get(key);
            if (what === 'wait') clock.now += 3;
            if (what === 'sweep') store.sweep(100);
          }
          clock.step = 0;
          store.sweep(1000); // of what is expired and still counted, a scan shows nothing
          expect(total(store.slotCounts)).toBe(store.size);
          expect(store.digests.ofAll(ALL_SLOTS)).toBe(digestsOf(store).ofAll(ALL_SLOTS));
        },
      ),
      { numRuns: 300 },
    );
    store.flush(makeVersion(++ms, 0, 1));
    expect(total(store.slotCounts)).toBe(0);
  });

  test('an entry is compared with that of its own key, whatever was in its place before', () => {
    const { store } = makeStore({ maxEntries: 1 });
    store.merge('a', entryOf('a', '1', makeVersion(5, 0, 0)));
    expect(store.merge('b', entryOf('b', '1', makeVersion(3, 0, 0)))).toBe('applied');
    expect(store.merge('b', entryOf('b', '2', makeVersion(4, 0, 0)))).toBe('applied');
    expect(store.merge('b', entryOf('b', '3', makeVersion(3, 9, 9)))).toBe('older');
    const place = store.placeOf('b', store.hashOf('b'));
    expect(store.compareTo(place, makeVersion(4, 0, 1))).toBeGreaterThan(0);
    expect(store.compareTo(place, makeVersion(4, 0, 0))).toBe(0);
    expect(store.compareTo(place, makeVersion(3, 1, 0))).toBeLessThan(0);
  });

  test('an entry that comes too late to live still beats older copies', () => {
    const { store } = makeStore();
    expect(store.merge('k', entryOf('k', 'new', makeVersion(2, 0, 0), NOW - 1))).toBe('applied');
    expect(store.merge('k', entryOf('k', 'old', makeVersion(1, 0, 0)))).toBe('older');
    expect(store.peek('k')).toBeUndefined();
  });

  test('an entry larger than the memory is refused, and what it supersedes is gone', () => {
    const { store } = makeStore({ maxBytes: 1000 });
    store.merge('k', entryOf('k', 'small', makeVersion(1, 0, 0)));
    expect(store.merge('k', entryOf('k', 'x'.repeat(1000), makeVersion(2, 0, 0)))).toBe('too-large');
    expect(store.peek('k')).toBeUndefined();
    expect(total(store.slotCounts)).toBe(0);
    expect(store.bytes).toBe(0);
  });
});

describe('what a store forgets', () => {
  test('eviction and expiry leave no tombstone', () => {
    const { store, clock } = makeStore({ maxEntries: 1 });
    store.merge('a', entryOf('a', '1', makeVersion(1, 0, 0), NOW + 10));
    store.merge('b', entryOf('b', '2', makeVersion(1, 0, 1), NOW + 10));
    clock.now += 11;
    expect(store.get('b')).toBeUndefined();
    expect(store.evictions).toMatchObject({ entries: 1, expired: 1 });
    expect(store.tombstones).toBe(0);
    expect(store.merge('a', entryOf('a', '1', makeVersion(1, 0, 0)))).toBe('applied');
  });

  test('an entry that is said to leaves a tombstone when it expires, in its own version', () => {
    const { store, clock } = makeStore({ maxTombstones: 4 });
    store.leavesTrace = (entry) => valueOf(entry) === 'traced';
    const old = entryOf('a', 'old', { ms: 1, low: 0 });
    store.merge('a', old);
    store.merge('a', entryOf('a', 'traced', { ms: 2, low: 0 }, NOW + 10));
    store.merge('b', entryOf('b', 'untraced', { ms: 2, low: 0 }, NOW + 10));
    clock.now += 10;
    store.sweep(1000);
    expect(seen(store, 'a')).toBe('2 0 deleted');
    expect(seen(store, 'b')).toBe('nothing');
    expect(store.merge('a', old)).toBe('older');
    expect(store.digests.ofAll(ALL_SLOTS)).toBe(digestsOf(store).ofAll(ALL_SLOTS));
  });

  test('one that has expired and is not swept yet counts as it will when it is', () => {
    const { store, clock } = makeStore();
    store.leavesTrace = () => true;
    for (const key of ['a', 'b']) store.merge(key, entryOf(key, 'v', { ms: 2, low: 0 }, NOW + 10));
    clock.now += 10;
    expect(store.merge('a', entryOf('a', 'older', { ms: 1, low: 0 }))).toBe('older');
    expect(seen(store, 'a')).toBe('2 0 deleted');
    expect(store.versionOfAbsent('b')).toMatchObject({ ms: 2, low: 0 });
    expect(seen(store, 'b')).toBe('2 0 deleted');
    expect(total(store.slotCounts)).toBe(0);
    expect(store.digests.ofAll(ALL_SLOTS)).toBe(digestsOf(store).ofAll(ALL_SLOTS));
  });

  test('expired entries leave half of the room for tombstones to deletes', () => {
    const { store, clock } = makeStore({ maxTombstones: 4 });
    store.leavesTrace = () => true;
    for (const key of ['a', 'b', 'c', 'd']) store.merge(key, entryOf(key, 'v', { ms: 1, low: 0 }, NOW + 10));
    clock.now += 10;
    store.sweep(1000);
    expect(store.tombstones).toBe(2);
  });

  test('an entry that is said to leaves a trace when it is evicted: what is older stays out, and itself may come back', () => {
    const { store } = makeStore({ maxEntries: 2 });
    store.leavesTrace = (entry) => valueOf(entry) === 'traced';
    const [older, entry] = [entryOf('a', 'older', { ms: 2, low: 6 }), entryOf('a', 'traced', { ms: 2, low: 7 })];
    store.merge('a', older);
    store.merge('a', entry);
    store.merge('b', entryOf('b', 'untraced', { ms: 2, low: 0 }));
    for (const key of ['c', 'd']) store.merge(key, entryOf(key, 'v', { ms: 3, low: 0 }));
    expect([seen(store, 'a'), seen(store, 'b')]).toEqual(['2 6 deleted', 'nothing']);
    expect(store.merge('a', older)).toBe('older');
    expect(store.versionOfAbsent('a')).toMatchObject({ ms: 2, low: 6 });
    expect(store.digests.ofAll(ALL_SLOTS)).toBe(digestsOf(store).ofAll(ALL_SLOTS));
    expect(store.merge('a', entry)).toBe('applied');
    expect(store.tombstones).toBe(0);
    expect(store.lostTraces.count).toBe(0);
  });

  test.each([
    ['number', { maxTombstones: 4 }, 2],
    ['bytes', { maxBytes: 16 * 2 * sizeOf(2, 0) }, 2],
  ])('traces are bounded in %s; of a slot for which there is no room nothing older is taken', (_, bounds, traces) => {
    const { store } = makeStore({ maxEntries: 1, ...bounds });
    store.leavesTrace = () => true;
    const entries = Array.from({ length: 5 }, (__, i) => entryOf(`k${i}`, 'v', { ms: 10 + i, low: 1 }));
    entries.forEach((entry, i) => store.merge(`k${i}`, entry));
    expect(store.tombstones).toBe(traces);
    expect(store.lostTraces.count).toBe(4 - traces);
    const { slot } = entries[3]!;
    expect(store.traceOfAbsent(slot)).toMatchObject({ ms: 13, low: 0 });
    expect(store.versionOfAbsent('k3')).toMatchObject({ ms: 13, low: 0 });
    expect(store.merge('k3', entryOf('k3', 'older', { ms: 13, low: 0 }))).toBe('older');
    const neighbour = new Entry(frame('older'), 's', 12, 0, 0, slot);
    expect(store.merge('another key of the slot', neighbour)).toBe('older');
    store.leavesTrace = () => false;
    expect(store.merge('k3', entries[3]!)).toBe('applied');
    store.lostTraces.forget(slot);
    expect(store.traceOfAbsent(slot)).toBeUndefined();
    expect(store.merge('another key of the slot', neighbour)).toBe('applied');
  });

  test('a trace, or a delete that an owner missed, that is pushed out by later deletes counts as lost', () => {
    const { store } = makeStore({ maxTombstones: 2 });
    store.leavesTrace = ({ ms }) => ms === 5;
    store.merge('a', store.tombstone(makeVersion(5, 0, 1), 7));
    for (const ms of [6, 7]) store.merge(`k${ms}`, store.tombstone(makeVersion(ms, 0, 1), 8));
    expect(store.tombstoneOf('a')).toBeUndefined();
    expect(store.merge('a', new Entry(frame('old'), 's', 4, 0, 0, 7))).toBe('older');
    expect(store.lostTraces.slots).toEqual([7]);
    store.flush(makeVersion(9, 0, 0));
    expect(store.lostTraces.slots).toEqual([]);
  });

  test('a tombstone keeps older copies out for its time, and is swept after it', () => {
    const { store, clock } = makeStore();
    store.merge('k', store.tombstone(makeVersion(5, 0, 0), 7));
    expect(store.merge('k', entryOf('k', 'old', makeVersion(4, 0, 0)))).toBe('older');
    clock.now += RETENTION_MS + 1;
    store.sweep(10);
    expect(store.tombstones).toBe(0);
    expect(store.merge('k', entryOf('k', 'old', makeVersion(4, 0, 0)))).toBe('applied');
  });

  test('beyond the bound the oldest tombstones go, and are counted', () => {
    const { store } = makeStore({ maxTombstones: 10 });
    for (let i = 0; i < 25; i++) store.merge(`k${i}`, store.tombstone(makeVersion(i + 1, 0, 0), 7));
    expect(store.tombstones).toBe(10);
    expect(store.tombstonesDropped).toBe(15);
    expect(store.tombstoneOf('k24')).toMatchObject(makeVersion(25, 0, 0));
    expect(store.tombstoneOf('k0')).toBeUndefined();
  });

  test('sweeping tombstones is bounded', () => {
    const { store, clock } = makeStore();
    for (let i = 0; i < 20; i++) store.merge(`k${i}`, store.tombstone(makeVersion(i + 1, 0, 0), 7));
    clock.now += RETENTION_MS + 1;
    store.sweep(5);
    expect(store.tombstones).toBe(15);
  });

  test('a flush refuses to take back what was there before it', () => {
    const { store } = makeStore();
    store.merge('k', entryOf('k', '1', makeVersion(1, 0, 0)));
    store.flush(makeVersion(3, 0, 0));
    expect(store.size).toBe(0);
    expect(store.merge('k', entryOf('k', '1', makeVersion(1, 0, 0)))).toBe('older');
    expect(store.versionOfAbsent('k')).toEqual(makeVersion(3, 0, 0));
    expect(store.merge('k', entryOf('k', '2', makeVersion(4, 0, 0)))).toBe('applied');
  });
});

test('bytes are those of key, framed value and overhead', () => {
  const { store } = makeStore();
  store.merge('key', entryOf('key', 'value', makeVersion(1, 0, 0)));
  expect(store.bytes).toBe('key'.length + '$5\r\nvalue\r\n'.length + ENTRY_OVERHEAD_BYTES);
});

test.each(['', 'a', 'x'.repeat(9), 'x'.repeat(10), '\r\n$5\r\n', '\x00\xff'])(
  'value %j survives its frame',
  (value) => {
    const entry = entryOf('k', value, makeVersion(1, 0, 0));
    expect(valueOf(entry)).toBe(value);
    expect(lengthOf(entry.framed)).toBe(value.length);
  },
);

test('keys of a slot are found', () => {
  const { store } = makeStore();
  for (const key of ['{t}1', '{t}2', 'other']) store.merge(key, entryOf(key, '', makeVersion(1, 0, 0)));
  const { slot } = entryOf('{t}', '', makeVersion(1, 0, 0));
  expect(store.keysInSlot(slot, 10).sort()).toEqual(['{t}1', '{t}2']);
  expect(store.keysInSlot(slot, 1)).toHaveLength(1);
  expect(store.slotCounts[slot]).toBe(2);
});

describe('repair', () => {
  const entry = (key: string, ms: number, value = 'v'): Entry => entryOf(key, value, { ms, low: 0 }, 0);

  function full() {
    const { store } = makeStore({ maxEntries: 3 });
    for (let ms = 1; ms <= 5; ms++) store.merge(`${ms}`, entry(`${ms}`, ms));
    return store; // 1 and 2 were evicted
  }
  const keys = (store: Store) => ['1', '2', '3', '4', '5', 'other'].filter((key) => store.peek(key) !== undefined);

  it('does not evict for what was evicted, or may have been', () => {
    const store = full();
    expect([store.repair('1', entry('1', 1)), store.repair('other', entry('other', 2))]).toEqual([
      'evicted',
      'evicted',
    ]);
    expect([keys(store), store.evictions.entries]).toEqual([['3', '4', '5'], 2]);
  });

  it('takes what is newer than all that was evicted, and newer versions and deletes of any age', () => {
    const store = full();
    expect(store.repair('4', entryOf('4', 'w', { ms: 4, low: 1 }, 0))).toBe('applied');
    expect(store.repair('other', entry('other', 6))).toBe('applied');
    expect(keys(store)).toEqual(['4', '5', 'other']);
    expect(store.repair('5', tombstoneOf(entry('5', 7), NOW + RETENTION_MS, entry('5', 7).slot))).toBe('applied');
    expect(store.repair('2', tombstoneOf(entry('2', 2), NOW + RETENTION_MS, entry('2', 2).slot))).toBe('applied');
    expect(keys(store)).toEqual(['4', 'other']);
  });

  it('takes anything while there is room', () => {
    const store = full();
    store.drop('4');
    expect([store.repair('1', entry('1', 1)), store.repair('2', entry('2', 2))]).toEqual(['applied', 'evicted']);
    const bytes = makeStore({ maxBytes: 2 * (ENTRY_OVERHEAD_BYTES + 20) }).store;
    for (let ms = 1; ms <= 5; ms++) bytes.merge(`${ms}`, entry(`${ms}`, ms));
    expect(bytes.repair('1', entry('1', 1))).toBe('evicted');
  });

  it('counts evictions by slot, and not what expires or is deleted', () => {
    const store = full();
    const { slot } = entry('1', 1);
    const before = total(store.evictedFrom);
    store.drop('3');
    expect([before, store.evictedFrom[slot], total(store.evictedFrom)]).toEqual([2, 1, 2]);
  });
});
