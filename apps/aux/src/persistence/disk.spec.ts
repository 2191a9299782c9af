import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durable, DiskFolder, newStore, put, remove, START, version } from '../../test/disk-folder.js';
import { isTombstone, valueOf } from '../node/entry.js';
import type { Store } from '../node/store.js';

const folder = new DiskFolder();
afterAll(() => folder.close());

const read = (store: Store, key: string): string | undefined => {
  const entry = store.peek(key);
  return entry && valueOf(entry);
};
const unchecked = { check: () => Promise.resolve({ damaged: 0, setAside: undefined }) };

/** A store that was filled from a folder. */
async function reload(directory: string, store = newStore()): Promise<Store> {
  const disk = await folder.open(directory, unchecked);
  await disk.load(store);
  return store;
}

test.each(['interval', 'always'] as const)(
  'with %s, what was reported durable is there after a crash',
  async (durability) => {
    const directory = folder.directory();
    const disk = await folder.open(directory, { durability });
    const store = newStore();
    await disk.load(store);
    put(store, 'a', 'one', 1);
    put(store, 'b', 'two', 2, START + 1000);
    put(store, 'gone', 'x', 3);
    remove(store, 'gone', 4);
    put(store, 'binary\xff\0', '\0\xfe', 5);
    await durable(disk);
    const again = await reload(folder.copy(directory));
    expect([read(again, 'a'), read(again, 'b'), read(again, 'gone'), read(again, 'binary\xff\0')]).toEqual([
      'one',
      'two',
      undefined,
      '\0\xfe',
    ]);
    expect(again.lookup('b')).toEqual(store.lookup('b'));
    expect(again.lookup('gone')).toEqual(store.lookup('gone'));
    await disk.checkpoints.run();
    expect(disk.pendingKeys).toBe(0);
    const third = await reload(folder.copy(directory));
    expect([read(third, 'a'), third.lookup('gone')]).toEqual(['one', store.lookup('gone')]);
  },
);

test('calls back at once where nothing is outstanding', async () => {
  const disk = await folder.open(folder.directory());
  const store = newStore();
  await disk.load(store);
  let called = false;
  disk.whenDurable((error) => (called = error === undefined));
  expect(called).toBe(true);
});

test.each(['interval', 'always'] as const)(
  'with %s, tells which writes fall into one group commit',
  async (durability) => {
    const disk = await folder.open(folder.directory(), { durability });
    const store = newStore();
    await disk.load(store);
    expect(disk.commit).toBeUndefined();
    put(store, 'a', 'one', 1);
    const first = disk.commit;
    put(store, 'b', 'two', 2);
    expect([disk.commit === first, first === undefined]).toEqual([true, false]);
    const written: string[] = [];
    disk.whenDurable(() => written.push('first'));
    if (durability === 'always') {
      await new Promise(setImmediate); // now it is being written
      expect(disk.commit).toBe(first);
      put(store, 'c', 'three', 3);
      disk.whenDurable(() => written.push('second'));
      expect(disk.commit).not.toBe(first);
    }
    await durable(disk);
    expect(written).toEqual(durability === 'always' ? ['first', 'second'] : ['first']);
    expect(disk.commit).toBeUndefined();
    put(store, 'd', 'four', 4);
    expect(disk.commit).not.toBe(first);
  },
);

test('an ordered end leaves everything in the entry file, and no journal', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  for (let i = 0; i < 3000; i++) put(store, `k${i}`, `v${i}`, i);
  disk.remember('lineage-1', []);
  await disk.close();
  const again = await folder.open(directory);
  expect(again.identity).toEqual({ historyId: 'lineage-1', aliveAt: START, views: [] });
  expect(again.journalBytes).toBe(0);
  const loaded = newStore();
  await again.load(loaded);
  expect([loaded.size, again.loaded, again.damaged]).toEqual([3000, 3000, 0]);
  expect(loaded.digests).toEqual(store.digests);
});

test('a flush survives, before and after a checkpoint', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'old', 'x', 1);
  await disk.checkpoints.run();
  store.flush(version(5));
  put(store, 'new', 'y', 6);
  await durable(disk);
  for (const when of ['before', 'after']) {
    if (when === 'after') await disk.checkpoints.run();
    const again = await reload(folder.copy(directory));
    expect([read(again, 'old'), read(again, 'new'), again.floor]).toEqual([undefined, 'y', version(5)]);
  }
});

test('what was evicted and checkpointed does not come back', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore({ maxEntries: 2 });
  await disk.load(store);
  for (const [i, key] of ['a', 'b', 'c'].entries()) put(store, key, key, i);
  await durable(disk);
  await disk.checkpoints.run();
  const again = await reload(folder.copy(directory));
  expect(['a', 'b', 'c'].map((key) => read(again, key))).toEqual([undefined, 'b', 'c']);
});

test('loads the most recent up to the capacity, the most recent last, and every tombstone', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  remove(store, 'tombstone', 0);
  for (let i = 1; i <= 5000; i++) put(store, `k${(i * 7919) % 5000}`, 'v', i);
  await disk.close();
  const small = await reload(directory, newStore({ maxEntries: 100 }));
  expect(small.size).toBe(100);
  const kept = [4901, 4950, 5000].map((i) => small.peek(`k${(i * 7919) % 5000}`)?.ms);
  expect(kept).toEqual([4901, 4950, 5000].map((i) => START + i));
  expect(small.tombstoneOf('tombstone')?.ms).toBe(START);
  put(small, 'one more', 'v', 6000);
  expect(small.peek(`k${(4901 * 7919) % 5000}`)).toBeUndefined();
});

test('a store filled to its bytes is loaded whole', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore({ maxBytes: 50_000 });
  await disk.load(store);
  for (let i = 0; i < 1000; i++) put(store, `k${i}`, 'v'.repeat(i % 50), i);
  await disk.close();
  const again = await reload(directory, newStore({ maxBytes: 50_000 }));
  expect([again.size, again.bytes]).toEqual([store.size, store.bytes]);
});

test('neither expired entries nor tombstones past their time are loaded; an expired one still beats an older one', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'short', 'x', 1, START + 100);
  put(store, 'rewritten', 'old', 2);
  remove(store, 'deleted', 3);
  await disk.checkpoints.run();
  put(store, 'rewritten', 'new', 4, START + 100);
  await durable(disk);
  const later = START + 4_000_000;
  const again = await reload(folder.copy(directory), newStore({ now: () => later }));
  expect(again.peek('short')).toBeUndefined();
  expect(again.peek('rewritten')).toBeUndefined();
  expect(again.lookup('deleted')).toBeUndefined();
});

test('of what expired while nobody was there, only the last counts still, against older copies elsewhere', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  disk.remember('lineage-1', []);
  put(store, 'old', 'x', -3_600_000, START + 100);
  put(store, 'last', 'x', -1, START + 100);
  await disk.close();
  const now = () => START + 100_000_000;
  const again = newStore({ now });
  const reopened = await folder.open(directory, { ...unchecked, now });
  await reopened.load(again);
  expect(isTombstone(again.lookup('last')!)).toBe(true);
  expect(again.lookup('old')).toBeUndefined();
  expect(reopened.pendingKeys).toBe(2); // both are to go from the file
});

test('what was deleted is remembered as if no time had passed while nobody was there', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  disk.remember('lineage-1', []);
  remove(store, 'in the file', 1);
  await disk.checkpoints.run();
  remove(store, 'in the journal', 2);
  await durable(disk);
  const absentMs = 100_000_000;
  const now = () => START + absentMs;
  const again = newStore({ now });
  const reopened = await folder.open(folder.copy(directory), { ...unchecked, now });
  await reopened.load(again);
  for (const key of ['in the file', 'in the journal']) {
    expect(again.tombstoneOf(key)?.expiresAt).toBe(store.tombstoneOf(key)!.expiresAt + absentMs);
  }
  expect(reopened.pendingKeys).toBe(2); // for as long from the next start on
});

test('merges with what the store has already, and keeps that too', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'both', 'old', 1);
  put(store, 'disk', 'd', 2);
  await disk.close();
  const other = newStore();
  put(other, 'both', 'new', 9);
  put(other, 'memory', 'm', 10);
  const again = await folder.open(directory, unchecked);
  await again.load(other);
  await durable(again);
  const third = await reload(folder.copy(directory));
  for (const each of [other, third]) {
    expect(['both', 'disk', 'memory'].map((key) => read(each, key))).toEqual(['new', 'd', 'm']);
  }
});

test('discards everything that was found', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'in the file', 'x', 1);
  disk.remember('l', []);
  await disk.checkpoints.run();
  put(store, 'in the journal', 'x', 2);
  await durable(disk);
  const copy = folder.copy(directory);
  const again = await folder.open(copy, unchecked);
  await again.discard();
  expect(again.identity).toBeUndefined();
  const loaded = newStore();
  await again.load(loaded);
  expect(loaded.size).toBe(0);
  put(loaded, 'new', 'y', 3);
  await again.close();
  expect((await reload(copy)).size).toBe(1);
});

test('closed before it was loaded, it keeps what it found', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'a', 'x', 1);
  await durable(disk);
  const copy = folder.copy(directory);
  await (await folder.open(copy, unchecked)).close();
  expect(read(await reload(copy), 'a')).toBe('x');
});

test('closed while it loads, it ends that, and keeps what it found', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  for (let i = 0; i < 20_000; i++) put(store, `k${i}`, 'value', i);
  await disk.close();
  const outcomes: (string | undefined)[] = [];
  for (const ms of [0, 20, 50]) {
    const again = await folder.open(directory, unchecked);
    const loaded = again.load(newStore()).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    await again.close();
    outcomes.push(await loaded);
  }
  expect(outcomes[0]).toBe('the disk is closed');
  expect(outcomes.filter((outcome) => outcome !== undefined && outcome !== outcomes[0])).toEqual([]);
  expect((await reload(directory)).size).toBe(20_000);
});

test('holds callbacks back while the bounds are reached, and goes on after a checkpoint', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory, { maxJournalBytes: 50_000 });
  const store = newStore();
  await disk.load(store);
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 50; i++) put(store, `k${i}`, 'v'.repeat(1000), round * 50 + i);
    await durable(disk);
    expect(disk.journalBytes).toBeLessThan(200_000);
  }
  const again = await reload(folder.copy(directory));
  expect(again.digests).toEqual(store.digests);
}, 30_000);

test.each([['a text', 'this is no database, but something of great value to somebody\n'.repeat(200)]])(
  'refuses %s in place of its file, and leaves it as it is',
  async (_, text) => {
    const directory = folder.directory();
    writeFileSync(join(directory, 'entries.mdb'), text);
    await expect(folder.open(directory)).rejects.toMatchObject({ code: 'ERR_DISK_FOREIGN' });
    expect(readdirSync(directory)).toEqual(['entries.mdb']);
  },
);
