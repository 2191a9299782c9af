import {
  ALWAYS,
  ATTEMPT_MS,
  compareVersions,
  HybridClock,
  IF_ABSENT,
  IF_PRESENT,
  makeVersion,
  type Version,
} from '@dcs/protocol';
import { entryOf, frame, valueOf } from './entry.js';
import { Store } from './store.js';
import { MAX_OPERATION_AGE_MS } from './dedup-table.js';
import { MAX_OVERTAKEN_AGE_MS, type Operation, Writer, type WriteResult } from './writer.js';

const NOW = 1_700_000_000_000;
const SLOT = entryOf('k', '', makeVersion(1, 0, 0)).slot;

function setup(options: { recentOperations?: number } = {}) {
  const time = { now: NOW };
  const now = () => time.now;
  const store = new Store({ maxEntries: 100, maxBytes: 100_000, tombstoneRetentionMs: 60_000, now, hashSeed: 5 });
  const clock = new HybridClock({ now, origin: 9 });
  const writer = new Writer({ store, clock, now, maxValueBytes: 1000, ...options });
  const set = (operation: Operation, value: string, condition = ALWAYS) =>
    writer.set(operation, 'k', frame(value), 0, 's', SLOT, condition);
  const value = () => {
    const entry = store.peek('k');
    return entry === undefined ? undefined : valueOf(entry);
  };
  return { time, store, clock, writer, set, value };
}

const stamp = (ms: number, origin = 1): Version => makeVersion(ms, 0, origin);
const first = (ms: number): Operation => ({ stamp: stamp(ms), attempt: 1 });
const again = (ms: number): Operation => ({ stamp: stamp(ms), attempt: 2 });

function written(result: WriteResult) {
  if (result.refused !== undefined) throw new Error(`refused: ${result.refused} ${result.detail}`);
  return result;
}

describe('versions', () => {
  test('a write gets its stamp when that is greater than what is stored', () => {
    const { set } = setup();
    expect(written(set(first(NOW), 'a')).version).toMatchObject(stamp(NOW));
  });

  test('a write with an older stamp gets the stored version plus one, so it is not lost', () => {
    const { set, value } = setup();
    set(first(NOW), 'a');
    const { version } = written(set(first(NOW - 10), 'b'));
    expect(compareVersions(version, stamp(NOW))).toBeGreaterThan(0);
    expect(version.ms).toBe(NOW);
    expect(value()).toBe('b');
  });

  test('a write after a delete is newer than the delete', () => {
    const { writer, set, value } = setup();
    const deleted = written(writer.delete(first(NOW), 'k', SLOT, ALWAYS));
    const { version } = written(set(first(NOW - 5), 'b'));
    expect(compareVersions(version, deleted.version)).toBeGreaterThan(0);
    expect(value()).toBe('b');
  });

  test('the clock moves past what was accepted', () => {
    const { set, clock } = setup();
    set(first(NOW + 400), 'a');
    expect(compareVersions(clock.next(), stamp(NOW + 400))).toBeGreaterThan(0);
  });
});

describe('stale stamps', () => {
  test('too far ahead: refused and counted', () => {
    const { set, writer, value } = setup();
    expect(set(first(NOW + 501), 'a')).toMatchObject({ refused: 'STALE' });
    expect(writer.staleAhead).toBe(1);
    expect(value()).toBeUndefined();
  });

  test('too old: refused and counted, on every attempt', () => {
    const { set, writer } = setup();
    expect(set(first(NOW - MAX_OPERATION_AGE_MS - 1), 'a')).toMatchObject({ refused: 'STALE' });
    expect(set(again(NOW - MAX_OPERATION_AGE_MS - 1), 'a')).toMatchObject({ refused: 'STALE' });
    expect(writer.staleOld).toBe(2);
    expect(set(first(NOW - MAX_OPERATION_AGE_MS), 'a')).not.toHaveProperty('refused');
  });

  test('a first attempt that comes late does not bury what was written since', () => {
    const { set, value } = setup();
    set(first(NOW), 'newer');
    expect(set(first(NOW - MAX_OVERTAKEN_AGE_MS - 1), 'late')).toMatchObject({ refused: 'STALE' });
    expect(value()).toBe('newer');
    expect(set(first(NOW - MAX_OVERTAKEN_AGE_MS), 'in time').refused).toBeUndefined();
  });

  test('an attempt that is made late is carried out, if none before it was', () => {
    const { writer, time } = setup();
    const by = { by: 1, initial: 0, expiresAt: 0, kind: 'j', token: '' };
    writer.increment(first(NOW), 'k', SLOT, by);
    time.now = NOW + 4000;
    writer.increment(first(time.now), 'k', SLOT, by);
    const late: Operation = { stamp: stamp(NOW + 10), attempt: 1 + Math.ceil(4000 / ATTEMPT_MS) };
    expect(writer.increment(late, 'k', SLOT, by)).toMatchObject({ value: 3 });
    expect(writer.increment({ ...late, attempt: 9 }, 'k', SLOT, by)).toMatchObject({ value: 3 });
  });

  test('an attempt that may be one of more than can be remembered is not carried out again', () => {
    const { writer } = setup({ recentOperations: 4 });
    const by = { by: 1, initial: 0, expiresAt: 0, kind: 'j', token: '' };
    for (let i = 0; i < 5; i++) writer.increment(first(NOW + i), 'k', SLOT, by);
    expect(writer.increment(again(NOW + 1), 'k', SLOT, by)).toMatchObject({ value: 2 });
    expect(writer.increment(again(NOW), 'k', SLOT, by)).toMatchObject({ refused: 'STALE' });
  });

  test('a first attempt that comes late to a key nobody wrote since is applied', () => {
    const { set, value } = setup();
    expect(set(first(NOW - 5000), 'late').refused).toBeUndefined();
    expect(value()).toBe('late');
  });

  test('an increment that arrived as a copy is not counted again by its own first attempt', () => {
    const { writer, store, value } = setup();
    store.merge('k', entryOf('k', '1', stamp(NOW - 900)));
    const by = { by: 1, initial: 0, expiresAt: 0, kind: 'j', token: '' };
    expect(writer.increment(first(NOW - 900), 'k', SLOT, by)).toMatchObject({ value: 1 });
    expect(value()).toBe('1');
  });

  test('nor is it counted again for its token, here or where it is copied to, when it has been overwritten', () => {
    const { writer, store, value } = setup();
    store.merge('k', entryOf('k', '1', stamp(NOW)));
    const by = { by: 1, initial: 0, expiresAt: 0, kind: 'j', token: 't' };
    const copied = jest.fn();
    writer.onApplied = (_key, _entry, record) => copied(record);
    writer.increment(again(NOW), 'k', SLOT, by);
    expect(copied).toHaveBeenCalledWith({ stamp: stamp(NOW), value: 1, token: 't' });
    writer.increment(first(NOW + 1), 'k', SLOT, { ...by, token: 'other' });
    expect(writer.increment(first(NOW + 2), 'k', SLOT, by)).toMatchObject({ value: 1 });
    expect(value()).toBe('2');
  });
});

describe('a repeated attempt', () => {
  test('of SET answers the first result and does not bury what came between', () => {
    const { set, value } = setup();
    const one = written(set(first(NOW), 'a'));
    set(first(NOW + 1), 'b');
    expect(written(set(again(NOW), 'a'))).toEqual({ version: { ms: one.version.ms, low: one.version.low }, value: 1 });
    expect(value()).toBe('b');
  });

  test('of SET that was not applied before is applied', () => {
    const { set, value } = setup();
    expect(written(set(again(NOW), 'a')).value).toBe(1);
    expect(value()).toBe('a');
  });

  test('has its entry copied again: the first attempt may have reached this owner alone', () => {
    const { writer, set, store } = setup();
    const copied: string[] = [];
    writer.onApplied = (key, entry) => copied.push(`${key} ${entry.ms - NOW}`);
    set(first(NOW), 'a');
    set(again(NOW), 'a');
    expect(copied).toEqual(['k 0', 'k 0']);
    store.merge('k', entryOf('k', 'imported', stamp(NOW + 1)));
    set(again(NOW + 1), 'imported');
    expect(copied.slice(2)).toEqual(['k 1']);
    set(again(NOW), 'a'); // overwritten since
    expect(copied).toHaveLength(3);
  });

  test('of SET whose first attempt another owner applied answers its version', () => {
    const { set, store } = setup();
    store.merge('k', entryOf('k', 'a', stamp(NOW)));
    expect(written(set(again(NOW), 'a', IF_ABSENT))).toMatchObject({ value: 1, version: stamp(NOW) });
  });

  test('of INCR counts once', () => {
    const { writer, value } = setup();
    const plus = { by: 2, initial: 10, expiresAt: 0, kind: 'j', token: '' };
    expect(written(writer.increment(first(NOW), 'k', SLOT, plus)).value).toBe(12);
    expect(written(writer.increment(first(NOW + 1), 'k', SLOT, plus)).value).toBe(14);
    expect(written(writer.increment(again(NOW), 'k', SLOT, plus)).value).toBe(12);
    expect(value()).toBe('14');
  });

  test('that is counted as the first, as when a replica passes it on twice, counts once', () => {
    const { writer, value } = setup();
    const plus = { by: 2, initial: 0, expiresAt: 0, kind: 'j', token: '' };
    writer.increment(first(NOW + 5), 'k', SLOT, plus);
    expect(written(writer.increment(first(NOW), 'k', SLOT, plus)).value).toBe(4);
    expect(written(writer.increment(first(NOW), 'k', SLOT, plus)).value).toBe(4);
    expect(value()).toBe('4');
  });

  test('of DEL says that it deleted, even after the key was set again', () => {
    const { writer, set, value } = setup();
    set(first(NOW), 'a');
    expect(written(writer.delete(first(NOW + 1), 'k', SLOT, ALWAYS)).value).toBe(1);
    set(first(NOW + 2), 'b');
    expect(written(writer.delete(again(NOW + 1), 'k', SLOT, ALWAYS)).value).toBe(1);
    expect(value()).toBe('b');
  });

  test('is not applied again, nor answered at a guess, when all that remembered the first are gone', () => {
    const { writer, value } = setup();
    const plus = { by: 2, initial: 0, expiresAt: 0, kind: 'j', token: '' };
    const restart = (): void => {
      writer.dedup.clear();
      writer.dedup.lose(SLOT);
    };
    writer.increment(first(NOW - 9), 'k', SLOT, plus);
    restart();
    expect(written(writer.increment(again(NOW - 9), 'k', SLOT, plus)).value).toBe(2); // the entry is of this stamp
    writer.increment(first(NOW - 8), 'k', SLOT, plus);
    restart();
    expect(writer.increment(again(NOW - 9), 'k', SLOT, plus)).toMatchObject({ refused: 'STALE' });
    expect(value()).toBe('4');
    writer.delete(first(NOW - 7), 'k', SLOT, ALWAYS);
    restart();
    expect(writer.delete(again(NOW - 7), 'k', SLOT, ALWAYS)).toMatchObject({ refused: 'STALE' });
    expect(written(writer.delete(first(NOW - 6), 'k', SLOT, ALWAYS)).value).toBe(0);
  });

  test('of TOUCH is not applied twice', () => {
    const { writer, set, store } = setup();
    set(first(NOW), 'a');
    writer.touch(first(NOW + 1), 'k', SLOT, NOW + 1000);
    writer.touch(first(NOW + 2), 'k', SLOT, NOW + 9000);
    expect(written(writer.touch(again(NOW + 1), 'k', SLOT, NOW + 1000)).value).toBe(1);
    expect(store.peek('k')!.expiresAt).toBe(NOW + 9000);
  });
});

describe('conditions', () => {
  test('absent, present and version', () => {
    const { set, value } = setup();
    expect(set(first(NOW), 'a', IF_PRESENT)).toEqual({ refused: 'PRECONDITION', detail: '-' });
    const { version } = written(set(first(NOW), 'a', IF_ABSENT));
    expect(set(first(NOW + 1), 'b', IF_ABSENT)).toMatchObject({ refused: 'PRECONDITION' });
    expect(set(first(NOW + 1), 'b', { if: 'version', version: stamp(1) })).toMatchObject({ refused: 'PRECONDITION' });
    expect(value()).toBe('a');
    expect(written(set(first(NOW + 1), 'b', { if: 'version', version })).value).toBe(0);
    expect(value()).toBe('b');
  });

  test('a failed delete leaves no tombstone', () => {
    const { writer, store } = setup();
    expect(writer.delete(first(NOW), 'k', SLOT, IF_PRESENT)).toMatchObject({ refused: 'PRECONDITION' });
    expect(store.tombstones).toBe(0);
  });

  test('deleting what is not there leaves a tombstone: a copy may be elsewhere', () => {
    const { writer, store } = setup();
    expect(written(writer.delete(first(NOW), 'k', SLOT, ALWAYS)).value).toBe(0);
    expect(store.merge('k', entryOf('k', 'copy', stamp(NOW - 1)))).toBe('older');
  });
});

describe('increments', () => {
  const plus = (by: number, token = '') => ({ by, initial: 0, expiresAt: 0, kind: 'j', token });

  test('a token answers the first result for ten minutes', () => {
    const { writer, time } = setup();
    expect(written(writer.increment(first(NOW), 'k', SLOT, plus(1, 't'))).value).toBe(1);
    time.now += 599_000;
    expect(written(writer.increment(first(time.now), 'k', SLOT, plus(1, 't'))).value).toBe(1);
    time.now += 2000;
    expect(written(writer.increment(first(time.now), 'k', SLOT, plus(1, 't'))).value).toBe(2);
  });

  test('a token with the digest of another request is refused, and changes nothing', () => {
    const { writer, store } = setup();
    expect(writer.increment(first(NOW), 'k', SLOT, plus(1, 'aaaa t'))).toMatchObject({ value: 1 });
    expect(writer.increment(first(NOW + 1), 'k', SLOT, plus(100, 'bbbb t'))).toMatchObject({ refused: 'REUSED' });
    expect(writer.increment(first(NOW + 2), 'k', SLOT, plus(1, 'aaaa t'))).toMatchObject({ value: 1 });
    expect(valueOf(store.peek('k')!)).toBe('1');
  });

  test('tokens belong to their key', () => {
    const { writer } = setup();
    writer.increment(first(NOW), 'a', SLOT, plus(1, 'bt'));
    expect(written(writer.increment(first(NOW + 1), 'ab', SLOT, plus(5, 't'))).value).toBe(5);
  });

  test.each(['x', '', '1.5', '01', '-0', ' 1', '9007199254740992'])('%j is not a number', (value) => {
    const { writer, set } = setup();
    set(first(NOW), value);
    expect(writer.increment(first(NOW + 1), 'k', SLOT, plus(1))).toMatchObject({ refused: 'NOTANUMBER' });
  });

  test('a result beyond the safe integers is refused and changes nothing', () => {
    const { writer, set, value } = setup();
    set(first(NOW), String(Number.MAX_SAFE_INTEGER));
    expect(writer.increment(first(NOW + 1), 'k', SLOT, plus(1))).toMatchObject({ refused: 'NOTANUMBER' });
    expect(value()).toBe(String(Number.MAX_SAFE_INTEGER));
  });

  test('expiry and kind of an existing number stay', () => {
    const { writer, store } = setup();
    writer.set(first(NOW), 'k', frame('1'), NOW + 500, 's', SLOT, ALWAYS);
    writer.increment(first(NOW + 1), 'k', SLOT, { ...plus(1), expiresAt: NOW + 9000 });
    expect(store.peek('k')).toMatchObject({ expiresAt: NOW + 500, kind: 's' });
  });
});

describe('sizes', () => {
  test('a value above the bound is refused, and the old one stays', () => {
    const { set, value } = setup();
    set(first(NOW), 'a');
    expect(set(first(NOW + 1), 'x'.repeat(1001))).toMatchObject({ refused: 'OOM' });
    expect(value()).toBe('a');
    expect(written(set(first(NOW + 1), 'x'.repeat(1000))).value).toBe(0);
  });
});

test('an expiry in the past removes the entry', () => {
  const { writer, set, store } = setup();
  set(first(NOW), 'a');
  expect(written(writer.touch(first(NOW + 1), 'k', SLOT, NOW - 1)).value).toBe(1);
  expect(store.peek('k')).toBeUndefined();
  expect(store.merge('k', entryOf('k', 'a', stamp(NOW)))).toBe('older');
});
