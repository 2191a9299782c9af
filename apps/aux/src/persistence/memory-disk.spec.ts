import { makeVersion } from '@dcs/protocol';
import { entryOf, valueOf } from '../node/entry.js';
import { Store } from '../node/store.js';
import { MemoryDisk, type MemoryDiskOptions } from './memory-disk.js';
import { Platter } from './platter.js';

const WRITE_MS = 1;
const CHECKPOINT_MS = 500;

/** Timers that run when they are told to. */
class ManualTimers {
  #now = 0;
  #pending: { readonly at: number; readonly run: () => void }[] = [];

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#pending.push(timer);
    return () => (this.#pending = this.#pending.filter((other) => other !== timer));
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#pending.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#pending = this.#pending.filter((other) => other !== next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }
}

describe('a disk in memory', () => {
  const platter = new Platter();
  let timers: ManualTimers;
  let store: Store;
  let disk: MemoryDisk;
  let version = 0;
  /** Wall clock, ms. */
  let now = 1000;

  /** Another process on the same disk. */
  async function open(durability: MemoryDiskOptions['durability'] = 'always'): Promise<void> {
    timers = new ManualTimers();
    const bounds = { maxEntries: 100, maxBytes: 2 ** 20, tombstoneRetentionMs: 60_000 };
    store = new Store({ ...bounds, now: () => now, hashSeed: 1 });
    disk = new MemoryDisk({ platter, timers, now: () => now, durability });
    await disk.load(store);
  }

  function set(key: string, value: string): string[] {
    store.merge(key, entryOf(key, value, makeVersion(1000 + ++version, 0, 0)));
    const durable: string[] = [];
    disk.whenDurable((error) => durable.push(error === undefined ? 'durable' : error.message));
    return durable;
  }

  const read = (key: string): string | undefined => {
    const entry = store.peek(key);
    return entry === undefined ? undefined : valueOf(entry);
  };

  beforeEach(async () => {
    platter.wipe();
    platter.failure = undefined;
    now = 1000;
    await open();
  });

  test('what was acknowledged outlives the process, what was not yet written does not', async () => {
    const durable = set('a', '1');
    expect(durable).toEqual([]);
    timers.advance(WRITE_MS);
    expect(durable).toEqual(['durable']);
    set('a', '2');
    await open();
    expect(read('a')).toBe('1');
  });

  test('always: what was acknowledged outlives a power cut', async () => {
    set('a', '1');
    timers.advance(WRITE_MS);
    platter.losePower();
    await open();
    expect(read('a')).toBe('1');
  });

  test('interval: what was written since the last checkpoint does not', async () => {
    await open('interval');
    set('a', '1');
    timers.advance(CHECKPOINT_MS);
    expect(set('a', '2')).toEqual([]);
    set('b', '1');
    timers.advance(WRITE_MS);
    platter.losePower(0.5);
    await open();
    expect([read('a'), read('b')]).toEqual(['2', undefined]); // a journal loses its end
    set('b', '1');
    timers.advance(WRITE_MS);
    platter.losePower();
    await open();
    expect([read('a'), read('b')]).toEqual(['2', '1']);
  });

  test('what the store let go of comes back until a checkpoint', async () => {
    set('a', '1');
    timers.advance(WRITE_MS);
    store.dropWhere(() => true);
    await open();
    expect(read('a')).toBe('1');
    store.dropWhere(() => true);
    timers.advance(CHECKPOINT_MS);
    await open();
    expect(read('a')).toBeUndefined();
  });

  test('what was deleted is remembered as if no time had passed while nobody was there', async () => {
    store.merge('a', store.tombstone(makeVersion(1000, 0, 0), entryOf('a', '', makeVersion(1, 0, 0)).slot));
    disk.remember('lineage', []);
    timers.advance(CHECKPOINT_MS);
    const before = store.tombstoneOf('a')!.expiresAt;
    now += 100_000;
    await open();
    expect(store.tombstoneOf('a')!.expiresAt).toBe(before + 100_000);
  });

  test('a disk that takes nothing says so, and later has all of it', async () => {
    platter.failure = 'ENOSPC';
    const durable = set('a', '1');
    timers.advance(WRITE_MS);
    expect(durable).toEqual(['cannot write: ENOSPC']);
    expect(disk.refusal).toBe('cannot write: ENOSPC');
    platter.failure = undefined;
    timers.advance(CHECKPOINT_MS);
    expect(disk.refusal).toBeUndefined();
    await open();
    expect(read('a')).toBe('1');
  });

  test('what comes while it loads is kept, and nothing older replaces what it has', async () => {
    set('a', '1');
    timers.advance(WRITE_MS);
    const before = [...platter.entries];
    const loading = new MemoryDisk({ platter, timers, now: () => 1000, loadMs: 10 });
    const other = new Store({ maxEntries: 9, maxBytes: 9999, tombstoneRetentionMs: 1, now: () => 1000, hashSeed: 1 });
    const loaded = loading.load(other);
    other.merge('a', entryOf('a', '0', makeVersion(1, 0, 0)));
    timers.advance(WRITE_MS);
    expect([...platter.entries]).toEqual(before);
    timers.advance(10);
    await loaded;
    expect(valueOf(other.peek('a')!)).toBe('1');
  });
});
