import { copyFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durable, DiskFolder, newStore, put, remove, START } from '../../test/disk-folder.js';
import { valueOf } from '../node/entry.js';
import type { Store } from '../node/store.js';
import { ENTRY_FILE } from './disk.js';
import { encodeMeta, META_KEY } from './meta.js';

const folder = new DiskFolder();
afterAll(() => folder.close());
jest.setTimeout(180_000);

const KEYS = 3000;
const valueAt = (i: number): string => `value ${i} `.repeat(1 + (i % 30));

/** A folder with entries in the file, and some more in the journal. */
async function filled(): Promise<string> {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  disk.remember('l', []);
  for (let i = 0; i < KEYS; i++) put(store, `k${i}`, valueAt(i), i);
  for (let i = 0; i < KEYS; i += 10) remove(store, `k${i}`, KEYS + i);
  await durable(disk);
  await disk.checkpoints.run();
  for (let i = 1; i < 200; i += 10) put(store, `k${i}`, valueAt(i + 1), 3 * KEYS + i);
  await durable(disk);
  return folder.copy(directory);
}

/** Opens and loads a damaged folder; whatever is there must be what was put. */
async function survive(directory: string): Promise<{ store: Store; damaged: number; setAside: string | undefined }> {
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  store.scanAll('0', 1e9, (key, entry) => {
    const i = Number(key.slice(1));
    const expected = entry.kind === 'd' ? [START + KEYS + i] : [START + i, START + 3 * KEYS + i];
    expect(expected).toContain(entry.ms);
    if (entry.kind !== 'd') expect(valueOf(entry)).toBe(valueAt(entry.ms > START + KEYS ? i + 1 : i));
    return true;
  });
  await disk.checkpoints.run();
  expect(disk.checkpoints.failure).toBeUndefined();
  await disk.close();
  return { store, damaged: disk.damaged, setAside: disk.setAside };
}

function copyOf(directory: string): string {
  const target = folder.directory();
  for (const name of readdirSync(directory)) copyFileSync(join(directory, name), join(target, name));
  return target;
}

/** Deterministic, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
}

test('flipped bytes in the entry file', async () => {
  const original = await filled();
  const next = random(7);
  let single = 0;
  for (let round = 0; round < 10; round++) {
    const directory = copyOf(original);
    const path = join(directory, ENTRY_FILE);
    const bytes = readFileSync(path);
    for (let i = 0; i < 1 + (round % 4) * 4; i++)
      bytes[Math.floor(next() * bytes.length)]! ^= 1 << Math.floor(next() * 8);
    writeFileSync(path, bytes);
    const { damaged, setAside, store } = await survive(directory);
    if (setAside === undefined && damaged > 0) single++;
    if (setAside === undefined) expect(store.size + store.tombstones).toBeGreaterThanOrEqual(KEYS - 50);
  }
  expect(single).toBeGreaterThan(0);
});

test('a truncated entry file', async () => {
  const original = await filled();
  const { size } = statSync(join(original, ENTRY_FILE));
  for (const length of [0, 100, 4096, 8193, size >> 1, size - 4096, size - 1]) {
    const directory = copyOf(original);
    truncateSync(join(directory, ENTRY_FILE), length);
    const { setAside, store } = await survive(directory);
    if (setAside !== undefined) expect(store.size).toBe(20); // of the journal
  }
});

test('pages of the entry file that were never written', async () => {
  const original = await filled();
  const { size } = statSync(join(original, ENTRY_FILE));
  const next = random(3);
  for (let round = 0; round < 6; round++) {
    const directory = copyOf(original);
    const path = join(directory, ENTRY_FILE);
    const bytes = readFileSync(path);
    const page = round < 3 ? round : Math.floor((next() * size) / 4096);
    bytes.fill(round % 2 === 0 ? 0 : 0xff, page * 4096, (page + 1) * 4096);
    writeFileSync(path, bytes);
    await survive(directory);
  }
});

test('a damaged journal', async () => {
  const original = await filled();
  const name = readdirSync(original)
    .filter((each) => each.startsWith('journal-'))
    .at(-1)!;
  const { size } = statSync(join(original, name));
  const next = random(5);
  for (let round = 0; round < 6; round++) {
    const directory = copyOf(original);
    const path = join(directory, name);
    if (round % 3 === 0) truncateSync(path, Math.floor(next() * size));
    else {
      const bytes = readFileSync(path);
      bytes[Math.floor(next() * size)]! ^= 1 << Math.floor(next() * 8);
      writeFileSync(path, bytes);
    }
    const { damaged, store } = await survive(directory);
    expect(damaged).toBeLessThanOrEqual(1);
    expect(store.size + store.tombstones).toBe(KEYS);
  }
});

test('a file that was set aside is kept, the last two of them', async () => {
  const original = await filled();
  const directory = copyOf(original);
  for (let round = 0; round < 3; round++) {
    writeFileSync(join(directory, ENTRY_FILE), Buffer.alloc(20_000, round));
    const disk = await folder.open(directory, { now: () => START + round });
    expect([disk.identity, disk.damaged]).toEqual([undefined, 1]);
    expect(disk.setAside).toMatch(/^reading it ends in SIG[A-Z]+$|MDB_/);
    await disk.close();
  }
  expect(readdirSync(directory).filter((name) => name.includes('.damaged-'))).toHaveLength(2);
  expect(folder.lines).toContainEqual({ level: 'error', message: 'the entry file was damaged, and set aside' });
});

test('refuses a newer format, and leaves it as it is', async () => {
  const original = await filled();
  const path = join(original, ENTRY_FILE);
  const { open } = await import('lmdb');
  const root = open({ path, noSubdir: true, maxDbs: 2, encoding: 'binary', keyEncoding: 'binary' });
  const meta = root.openDB<Buffer, Buffer>({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' });
  await meta.put(META_KEY, encodeMeta({ schema: 2, lineage: 'l', aliveAt: 1, views: [], floor: { ms: 0, low: 0 } }));
  await root.close();
  const before = readFileSync(path);
  await expect(folder.open(original)).rejects.toMatchObject({
    code: 'ERR_DISK_SCHEMA',
    message: expect.stringContaining('has format 2, expected 1 at most: a newer version wrote it'),
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});
