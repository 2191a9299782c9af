import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durable, DiskFolder, newStore, put, version } from '../../test/disk-folder.js';
import { EntryFile } from './entry-file.js';
import { type JournalFile, type JournalFiles, nodeFiles } from './journal-files.js';

const folder = new DiskFolder();
afterAll(() => folder.close());
jest.setTimeout(60_000);

/** Error codes with which operations fail at present. */
interface Faults {
  create?: string | undefined;
  write?: string | undefined;
  sync?: string | undefined;
}

function failing(): { files: JournalFiles; faults: Faults } {
  const faults: Faults = {};
  const check = (operation: keyof Faults): void => {
    const code = faults[operation];
    if (code !== undefined) throw Object.assign(new Error(`${code}: it is broken, ${operation}`), { code });
  };
  const wrap = (file: JournalFile): JournalFile => ({
    async write(bytes) {
      // Half of it is written all the same.
      if (faults.write !== undefined) await file.write(bytes.subarray(0, bytes.length >> 1));
      check('write');
      await file.write(bytes);
    },
    writeNow(bytes) {
      if (faults.write !== undefined) file.writeNow(bytes.subarray(0, bytes.length >> 1));
      check('write');
      file.writeNow(bytes);
    },
    async sync() {
      check('sync');
      await file.sync();
    },
    close: () => file.close(),
  });
  const files: JournalFiles = {
    ...nodeFiles,
    async create(path) {
      check('create');
      return wrap(await nodeFiles.create(path));
    },
  };
  return { files, faults };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.each([
  ['write', 'ENOSPC', 'free space'],
  ['write', 'EIO', 'check the disk'],
  ['sync', 'EIO', 'check the disk'],
  ['write', 'EROFS', 'make it writable'],
] as const)('a failed %s with %s refuses writes, and recovers by itself', async (operation, code, remedy) => {
  const directory = folder.directory();
  const { files, faults } = failing();
  const disk = await folder.open(directory, { files, durability: 'always' });
  const store = newStore();
  await disk.load(store);
  put(store, 'before', 'x', 1);
  await durable(disk);
  faults[operation] = code;
  faults.create = code;
  put(store, 'failed', 'y', 2);
  const refused = `cannot write to ${directory}: ${code}: it is broken; ${remedy}, writes are taken again by themselves`;
  await expect(durable(disk)).rejects.toThrow(`${code}: it is broken`);
  expect(disk.refusal).toBe(refused);
  put(store, 'meanwhile', 'z', 3);
  await expect(durable(disk)).rejects.toMatchObject({ code: 'ERR_DISK_WRITE', message: refused });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(disk.refusal).toBe(refused);
  faults[operation] = undefined;
  faults.create = undefined;
  await until(() => disk.refusal === undefined);
  put(store, 'after', 'w', 4);
  await durable(disk);
  const again = newStore();
  const reopened = await folder.open(folder.copy(directory));
  await reopened.load(again);
  expect(['before', 'failed', 'meanwhile', 'after'].map((key) => again.peek(key)?.ms)).toEqual(
    ['before', 'failed', 'meanwhile', 'after'].map((key) => store.peek(key)!.ms),
  );
  const states = folder.lines.filter(({ message }) => message.startsWith('writes are')).slice(-2);
  expect(states.map(({ message }) => message)).toEqual(['writes are refused', 'writes are taken again']);
  await disk.close();
});

test('a flush that could not be written is written after the recovery', async () => {
  const directory = folder.directory();
  const { files, faults } = failing();
  const disk = await folder.open(directory, { files });
  const store = newStore();
  await disk.load(store);
  put(store, 'old', 'x', 1);
  await disk.checkpoints.run();
  disk.checkpoints.stop();
  faults.write = 'ENOSPC';
  store.flush(version(5));
  await expect(durable(disk)).rejects.toThrow('ENOSPC');
  faults.write = undefined;
  await until(() => disk.refusal === undefined);
  const again = newStore();
  await (await folder.open(folder.copy(directory))).load(again);
  expect([again.size, again.floor]).toEqual([0, version(5)]);
  await disk.close();
});

test('a disk that cannot be written to at the start is loaded all the same', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'a', 'x', 1);
  await disk.close();
  const { files, faults } = failing();
  faults.create = 'ENOSPC';
  const again = await folder.open(directory, { files });
  const loaded = newStore();
  await again.load(loaded);
  expect(loaded.peek('a')?.ms).toBe(version(1).ms);
  expect(again.refusal).toContain('ENOSPC');
  faults.create = undefined;
  await until(() => again.refusal === undefined);
  put(loaded, 'b', 'x', 2);
  await durable(again);
  await again.close();
});

test('is closed in time while the disk fails', async () => {
  const { files, faults } = failing();
  const disk = await folder.open(folder.directory(), { files });
  const store = newStore();
  await disk.load(store);
  faults.write = 'EIO';
  faults.create = 'EIO';
  put(store, 'a', 'x', 1);
  await expect(durable(disk)).rejects.toThrow('EIO');
  put(store, 'b', 'x', 2);
  await disk.close();
});

test('a full disk refuses writes, answers reads, loses nothing that was acknowledged, and recovers', async () => {
  const mount = folder.directory();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mount]);
  if (mounted.status !== 0) {
    if (process.env['CI'] === 'true') throw new Error(`cannot mount: ${mounted.stderr}`);
    process.stderr.write(
      `skipped: a full disk, because none can be mounted: ${mounted.error?.message ?? mounted.stderr}\n`,
    );
    return;
  }
  try {
    const directory = join(mount, 'node');
    const disk = await folder.open(directory);
    const store = newStore();
    await disk.load(store);
    writeFileSync(join(mount, 'ballast'), Buffer.alloc(2 ** 22));
    const acknowledged: number[] = [];
    for (let n = 0; disk.refusal === undefined && n < 20_000; n++) {
      put(store, `k${n}`, 'v'.repeat(2000), n);
      await durable(disk).then(
        () => acknowledged.push(n),
        () => undefined,
      );
    }
    expect(disk.refusal).toMatch(/^cannot write to .*: .*; .*, writes are taken again by themselves$/);
    expect(store.peek('k1')?.ms).toBe(version(1).ms);
    expect(acknowledged.slice(0, 301)).toEqual(Array.from({ length: 301 }, (_, n) => n));
    rmSync(join(mount, 'ballast'));
    store.dropWhere((key) => Number(key.slice(1)) > 300);
    await until(() => disk.refusal === undefined);
    await disk.close();
    const again = newStore();
    const reopened = await folder.open(directory);
    await reopened.load(again);
    for (let n = 0; n <= 300; n++) expect(again.peek(`k${n}`)?.ms).toBe(version(n).ms);
    await reopened.close();
  } finally {
    spawnSync('umount', ['-l', mount]);
  }
});

test('the first checkpoint that fails is loud, and so is the end of the failures', async () => {
  const disk = await folder.open(folder.directory());
  const store = newStore();
  await disk.load(store);
  put(store, 'k', 'v', 1);
  expect(disk.degradation).toBeUndefined();
  const from = folder.lines.length;
  const committed = jest.spyOn(EntryFile.prototype, 'committed').mockRejectedValue(new Error('it is broken'));
  await disk.checkpoints.run();
  await disk.checkpoints.run();
  expect(disk.degradation).toBe('the last checkpoint failed: it is broken');
  committed.mockRestore();
  await disk.checkpoints.runNow();
  expect(disk.degradation).toBeUndefined();
  expect(folder.lines.slice(from)).toEqual([
    { level: 'error', message: 'a checkpoint failed: until one succeeds the journal grows' },
    { level: 'info', message: 'checkpoints succeed again' },
  ]);
});

test('an entry that has no bytes is left out of the entry file, counted and loud; all others are written', async () => {
  const directory = folder.directory();
  const disk = await folder.open(directory);
  const store = newStore();
  await disk.load(store);
  put(store, 'old', 'stale', 1);
  put(store, 'good', 'v', 2);
  await disk.checkpoints.runNow();
  put(store, 'old', 'new', 3);
  put(store, 'other', 'w', 4);
  Object.assign(store.peek('old')!, { ms: -1 }); // what the door does not let in
  await disk.checkpoints.runNow();
  expect(disk.unwritable).toBe(1);
  expect(disk.degradation).toContain('1 entries could not be written');
  expect(folder.lines.at(-1)).toEqual({
    level: 'error',
    message: 'an entry cannot be written to the entry file',
  });
  await disk.close();
  for (const name of readdirSync(directory)) if (name.startsWith('journal-')) rmSync(join(directory, name));
  const again = newStore();
  await (await folder.open(directory)).load(again);
  expect(['old', 'good', 'other'].map((key) => again.peek(key) !== undefined)).toEqual([false, true, true]);
});
