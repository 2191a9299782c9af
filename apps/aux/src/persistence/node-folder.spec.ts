import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { claimFolder, folderOf, idOf } from './node-folder.js';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'dcs-folder-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('every id has a safe folder name of its own, and back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 }), (id) => {
      const name = folderOf(id);
      expect(name).toMatch(/^(?!\.)[A-Za-z0-9._%-]{1,200}$/);
      if (!name.startsWith('%%')) expect(idOf(name)).toBe(id);
    }),
  );
  expect(folderOf('aux-1')).toBe('aux-1');
  expect(folderOf('..')).toBe('%2E.');
  expect(folderOf('a/b')).toBe('a%2Fb');
  expect(['lost+found', '%zz', '.hidden', 'a%2fb'].map(idOf)).toEqual([undefined, undefined, undefined, undefined]);
});

test('without an id the first free folder is taken, existing ones first in natural order', async () => {
  for (const name of ['aux-10', 'aux-2', 'lost+found', '.git']) mkdirSync(join(directory, name));
  writeFileSync(join(directory, 'aux-1'), 'a file');
  rmSync(join(directory, 'aux-1'));
  const claimed = [];
  for (let i = 0; i < 4; i++) claimed.push(await claimFolder(directory, undefined));
  expect(claimed.map(({ id }) => id)).toEqual(['aux-2', 'aux-10', 'aux-1', 'aux-3']);
  await claimed[0]!.lock.release();
  const again = await claimFolder(directory, undefined);
  expect(again.id).toBe('aux-2');
  for (const { lock } of [...claimed, again]) await lock.release();
});

test('a container that is started again has its folder again, in whatever order containers start', async () => {
  const hosts = ['c1', 'c2', 'c3'];
  const first = [];
  for (const host of hosts) first.push(await claimFolder(directory, undefined, host));
  expect(first.map(({ id }) => id)).toEqual(['aux-1', 'aux-2', 'aux-3']);
  for (const { lock } of first) await lock.release();
  const again = [];
  for (const host of [...hosts].reverse()) again.push(await claimFolder(directory, undefined, host));
  expect(again.map(({ id }) => id)).toEqual(['aux-3', 'aux-2', 'aux-1']);
  for (const { lock } of again) await lock.release();
});

test('a folder whose container is gone is taken by the next, one in use is not, and a new container gets a new one', async () => {
  const gone = await claimFolder(directory, undefined, 'c1');
  const other = await claimFolder(directory, undefined, 'c2');
  await gone.lock.release();
  const next = await claimFolder(directory, undefined, 'c3');
  const same = await claimFolder(directory, undefined, 'c2');
  expect([next.id, same.id]).toEqual(['aux-1', 'aux-3']);
  for (const { lock } of [other, next, same]) await lock.release();
});

test('many that claim at once get a folder each', async () => {
  const claimed = await Promise.all(Array.from({ length: 12 }, () => claimFolder(directory, undefined)));
  expect(new Set(claimed.map(({ id }) => id)).size).toBe(12);
  for (const { lock } of claimed) await lock.release();
});

test('a very long id is found again without being given', async () => {
  const id = 'é'.repeat(128);
  const folder = await claimFolder(directory, id);
  await folder.lock.release();
  const again = await claimFolder(directory, undefined);
  expect(again.id).toBe(id);
  await again.lock.release();
});

test('says which directory is missing', async () => {
  await expect(claimFolder(join(directory, 'none'), 'a')).rejects.toMatchObject({
    code: 'ERR_DISK_DIRECTORY',
    message: expect.stringMatching(/^cannot use DCS_DATA_DIR=.*none: ENOENT: no such file or directory; it must be/),
  });
});
