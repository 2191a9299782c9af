import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SlotSet } from '@dcs/protocol';
import fc from 'fast-check';
import { type Entry, entryOf } from '../node/entry.js';
import { ALL_SLOTS, BackupWorld, type FakeNode, viewOf } from '../../test/backup-fixture.js';
import { BLOCK_HEADER_BYTES, BLOCK_MAGIC } from './format.js';

const filesOf = (world: BackupWorld, id: string): string[] =>
  readdirSync(join(world.directory, 'dcs', id)).sort().map((name) => join(world.directory, 'dcs', id, name)); // prettier-ignore

async function write(world: BackupWorld, values: (i: number) => string, count = 400): Promise<FakeNode> {
  const node = world.node('a', { keep: 10 });
  node.apply(viewOf(1, ['a']));
  for (let i = 0; i < count; i++) node.put(`key:${i}`, values(i));
  await world.back(node);
  return node;
}

/** Asserts that nothing but what was written comes out; returns how much did. */
async function nothingWrong(world: BackupWorld, written: ReadonlyMap<string, Entry>): Promise<number> {
  const restorer = world.restorer();
  let count = 0;
  const wrong: string[] = [];
  await restorer.restore(ALL_SLOTS, (key, entry) => {
    count++;
    const right = written.get(key);
    const fields: (keyof Entry)[] = ['framed', 'kind', 'ms', 'low', 'expiresAt', 'slot'];
    if (!fields.every((field) => entry[field] === right?.[field])) wrong.push(key);
  });
  expect(wrong).toEqual([]);
  if (count < written.size) expect(restorer.progress.damagedBlocks).toBeGreaterThan(0);
  return count;
}

jest.setTimeout(60_000);

describe('damage', () => {
  let world: BackupWorld;
  let path: string;
  let bytes: Buffer;
  const written = new Map<string, Entry>();
  beforeAll(async () => {
    world = new BackupWorld();
    const node = await write(world, (i) => `value ${i} `.repeat(3));
    for (let i = 0; i < 400; i++) written.set(`key:${i}`, node.store.peek(`key:${i}`)!);
    path = filesOf(world, 'a')[0]!;
    bytes = readFileSync(path);
  });
  afterAll(() => world.close());
  afterEach(() => writeFileSync(path, bytes));

  test('of any byte: never a wrong entry, no more than a group of slots lost, and it is told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= flip;
        writeFileSync(path, damaged);
        expect(await nothingWrong(world, written)).toBeGreaterThan(written.size * 0.8);
      }),
      { numRuns: 150 },
    );
  });

  test('of the end, at every block and anywhere: what is before it is used, and the file is not complete', async () => {
    const cuts: number[] = [];
    for (let at = bytes.indexOf(BLOCK_MAGIC); at >= 0; at = bytes.indexOf(BLOCK_MAGIC, at + 1)) {
      cuts.push(at, at + 1, at + BLOCK_HEADER_BYTES, at + BLOCK_HEADER_BYTES + 1);
    }
    for (let i = 0; i < 50; i++) cuts.push(Math.floor((i / 50) * bytes.length), bytes.length - 1 - i);
    let before = 0;
    for (const cut of cuts.sort((a, b) => a - b)) {
      writeFileSync(path, bytes.subarray(0, cut));
      const count = await nothingWrong(world, written);
      expect(count).toBeGreaterThanOrEqual(before);
      before = count;
    }
    expect(before).toBe(written.size);
  });

  test('of a stretch: blocks behind it are found again', async () => {
    const damaged = Buffer.from(bytes);
    const [second, third] = [bytes.indexOf(BLOCK_MAGIC, 1000), 0];
    damaged.fill(third, second - 10, second + 150);
    writeFileSync(path, damaged);
    expect(await nothingWrong(world, written)).toBeGreaterThan(written.size * 0.8);
  });

  test('a later format is refused in words, not taken for damage', async () => {
    const newer = Buffer.from(bytes);
    newer.writeUInt32BE(2, 8);
    const { crc32 } = await import('node:zlib');
    const end = 16 + newer.readUInt32BE(12);
    newer.writeUInt32BE(crc32(newer.subarray(0, end)), end);
    writeFileSync(path, newer);
    await expect(world.restored()).rejects.toMatchObject({
      code: 'ERR_BACKUP_UNREADABLE',
      message: expect.stringContaining('format 2'),
    });
  });
});

test('a value that is a piece of a backup is never taken for a block', async () => {
  const world = new BackupWorld();
  await write(world, (i) => `first ${i}`);
  const piece = readFileSync(filesOf(world, 'a')[0]!).toString('latin1');
  const other = new BackupWorld();
  await write(other, () => piece, 20);
  const path = filesOf(other, 'a')[0]!;
  const bytes = readFileSync(path);
  bytes[bytes.indexOf(BLOCK_MAGIC) + 6]! ^= 1;
  writeFileSync(path, bytes);
  for (const value of Object.values(await other.values())) expect(value).toBe(piece);
  world.close();
  other.close();
});

describe('when the newest file is damaged', () => {
  test('an older one fills in, newer values win, and what has expired since does not come back', async () => {
    const world = new BackupWorld();
    const node = await write(world, (i) => `old ${i}`);
    world.now += 10_000;
    for (let i = 0; i < 400; i++) {
      if (i % 4 === 0) node.put(`key:${i}`, '', world.now, world.now + 3_600_000, 'd');
      else if (i % 4 === 1) node.put(`key:${i}`, 'short', world.now, world.now + 30_000);
      else node.put(`key:${i}`, `new ${i}`);
    }
    await world.back(node);
    world.now += 60_000;
    const [, newest] = filesOf(world, 'a');
    const bytes = readFileSync(newest!);
    const second = bytes.indexOf(BLOCK_MAGIC, bytes.indexOf(BLOCK_MAGIC) + 1);
    bytes[second - 1]! ^= 1; // in the stored bytes of the first block
    writeFileSync(newest!, bytes);
    const values = new Map<string, string>();
    const into = world.node('b');
    await world.restorer().restore(ALL_SLOTS, (key, entry) => void into.store.merge(key, entry));
    into.store.scan(0, 1e6, (key, entry) => values.set(key, entry.framed));
    const old = [...values.values()].filter((framed) => framed.includes('old')).length;
    expect(old).toBeGreaterThan(0);
    expect(old).toBeLessThan(40);
    for (let i = 2; i < 400; i += 4) expect(values.get(`key:${i}`)).toMatch(/new|old/);
    expect([...values.values()].some((framed) => framed.includes('short'))).toBe(false);
    world.close();
  });
});

test('only the slots asked for come out', async () => {
  const world = new BackupWorld();
  await write(world, (i) => `${i}`);
  const slots = SlotSet.of([entryOf('key:7', '', { ms: 1, low: 1 }).slot]);
  expect(await world.values(slots)).toEqual({ 'key:7': '7' });
  world.close();
});

test('an entry that no entry may be like is left out of a restore, alone', async () => {
  const world = new BackupWorld();
  const node = await write(world, () => 'v', 0);
  for (const key of ['good', 'version', 'kind', 'expiry', 'other']) node.put(key, 'v');
  // What the door does not let in, as an older release or a defect may have written it.
  Object.assign(node.store.peek('version')!, { ms: 2 ** 48 });
  Object.assign(node.store.peek('kind')!, { kind: 'rtext/plain\r\nx: y' });
  Object.assign(node.store.peek('expiry')!, { expiresAt: NaN });
  await world.back(node);
  const restorer = world.restorer();
  expect([...(await world.restored(ALL_SLOTS, restorer)).keys()].sort()).toEqual(['good', 'other']);
  expect(restorer.progress.damagedBlocks).toBe(3);
  expect(world.log.lines.filter(({ level }) => level === 'error')).toHaveLength(3);
  world.close();
});
