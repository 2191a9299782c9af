import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeVersion } from '@dcs/protocol';
import { BackupWorld, type FakeNode, viewOf } from '../../test/backup-fixture.js';
import { type BackupFiles, systemFiles } from './backup-files.js';

let world: BackupWorld;
beforeEach(() => (world = new BackupWorld()));
afterEach(() => world.close());
function names(id: string): string[] {
  const folder = join(world.directory, 'dcs', id);
  return existsSync(folder) ? readdirSync(folder) : [];
}

function failing(code: string, after: number): BackupFiles & { fails: boolean } {
  let calls = 0;
  const disk = {
    ...systemFiles,
    fails: true,
    async open(path: string, mode: 'read' | 'create') {
      const file = await systemFiles.open(path, mode);
      const write = async (bytes: Uint8Array, position: number): Promise<void> => {
        if (disk.fails && ++calls > after) throw Object.assign(new Error(`${code}: no`), { code });
        await file.write(bytes, position);
      };
      return { write, read: file.read.bind(file), sync: file.sync.bind(file), close: file.close.bind(file) };
    },
  };
  return disk;
}

describe('a backup that fails', () => {
  test.each([0, 1, 3, 20, 33])(
    'after %i writes leaves nothing behind, is counted, and the next one works',
    async (after) => {
      const disk = failing('ENOSPC', after);
      const node = world.node('a', { disk });
      node.apply(viewOf(1, ['a']));
      for (let i = 0; i < 500; i++) node.put(`k${i}`, 'v');
      expect(await world.back(node)).toEqual(['failure']);
      expect(names('a')).toEqual([]);
      expect(node.backup.stats()).toMatchObject({ failures: 1, lastSuccessAt: null });
      expect(node.log.lines).toContainEqual(
        expect.objectContaining({ level: 'error', details: { error: 'ENOSPC: no' } }),
      );
      disk.fails = false;
      expect(await world.back(node)).toEqual(['success']);
      expect(Object.keys(await world.values())).toHaveLength(500);
    },
  );
});

describe('a node whose clock was two days ahead', () => {
  const TWO_DAYS_MS = 2 * 86_400_000;

  test('keeps what it writes once the clock is right, and the newest values are restored', async () => {
    const node = world.node('a', { keep: 2 });
    node.apply(viewOf(1, ['a']));
    const rightNow = world.now;
    world.now += TWO_DAYS_MS;
    node.put('k', 'of the future');
    node.put('deleted', 'x');
    await world.back(node, node, node);
    expect(names('a')).toHaveLength(2);
    world.now = rightNow + 3_600_000;
    const ahead = node.store.peek('k')!.ms;
    for (let i = 0; i < 4; i++) {
      node.put('k', `right ${i}`, ahead + 1 + i); // a write gets a version after the stored one
      node.put(`n${i}`, 'new');
      const before = new Set(names('a'));
      expect(await world.back(node)).toEqual(['success']);
      expect(names('a').filter((name) => !before.has(name))).toHaveLength(1);
    }
    expect(await world.values()).toEqual({ k: 'right 3', deleted: 'x', n0: 'new', n1: 'new', n2: 'new', n3: 'new' });
    expect(names('a').length).toBeLessThanOrEqual(4); // of each clock as many as are kept
    expect(node.backup.fromFuture).toBe(2);
    expect(node.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    world.now = rightNow + TWO_DAYS_MS + 86_400_000;
    await world.back(node, node, node);
    expect([node.backup.fromFuture, names('a').length]).toEqual([0, 2]);
  });

  test('the file just written is not removed, whatever is there', async () => {
    const node = world.node('a', { keep: 1 });
    node.apply(viewOf(1, ['a']));
    node.put('k', 'v');
    world.now += 200_000; // ahead by no more than clocks may differ
    await world.back(node);
    world.now -= 200_000;
    await world.back(node);
    expect(names('a')).toHaveLength(2);
  });
});

describe('demands', () => {
  test('during a backup share the one that follows it', async () => {
    const node = world.node('a');
    node.apply(viewOf(1, ['a']));
    node.put('k', 'v');
    const first = node.backup.request();
    while (names('a').length === 0) await new Promise(setImmediate);
    world.now += 1;
    const [second, third] = [node.backup.request(), node.backup.request()];
    expect(third).toBe(second);
    expect(second).not.toBe(first);
    expect(await Promise.all([first, second])).toEqual(['success', 'success']);
    expect(names('a')).toHaveLength(2);
  });

  test('after the end are skipped; the end waits for what is under way, and removes it', async () => {
    const node = world.node('a');
    node.apply(viewOf(1, ['a']));
    for (let i = 0; i < 20_000; i++) node.put(`k${i}`, 'v');
    const running = node.backup.request();
    while (!names('a').some((name) => name.endsWith('.tmp'))) await new Promise(setImmediate);
    await node.backup.close();
    expect(await running).toBe('skipped');
    expect(await node.backup.request()).toBe('skipped');
    expect(names('a')).toEqual([]);
    expect(node.backup.stats().failures).toBe(0);
  });
});

test('every interval there is one', async () => {
  const node = world.node('a', { intervalMs: 30 });
  node.apply(viewOf(1, ['a']));
  node.put('k', 'v');
  node.backup.start();
  while (node.backup.outcomes.success < 3) {
    world.now += 5;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await node.backup.close();
});

describe('with a clock of its own', () => {
  const INTERVAL_MS = 10_000;
  let elapsed = 0;
  /** What a look at the clock costs. */
  let step = 0;
  let intervals: { ms: number; begin: () => void }[];
  let pauses: number[];
  let node: FakeNode;

  beforeEach(() => {
    [elapsed, step, intervals, pauses] = [0, 0, [], []];
    const after = (ms: number, callback: () => void): (() => void) => {
      if (ms >= 0.1 * INTERVAL_MS) {
        intervals.push({ ms, begin: callback });
      } else {
        pauses.push(ms);
        setImmediate(callback);
      }
      return () => undefined;
    };
    const monotonic = (): number => (elapsed += step);
    node = world.node('a', { intervalMs: INTERVAL_MS, monotonic, timers: { after } });
    node.apply(viewOf(1, ['a']));
    for (let i = 0; i < 3000; i++) node.put(`k${i}`, 'v');
    node.backup.start();
  });

  async function next(): Promise<number> {
    const { begin } = intervals.shift()!;
    const began = elapsed;
    begin();
    while (intervals.length === 0) await new Promise(setImmediate);
    return elapsed - began;
  }

  test('the next backup will be done an interval after the last has begun, if it takes as long', async () => {
    expect(intervals[0]!.ms).toBeLessThan(0.9 * INTERVAL_MS);
    step = 0.1;
    const tookMs = await next();
    expect(tookMs).toBeGreaterThan(100);
    expect(tookMs + intervals[0]!.ms + tookMs).toBeLessThanOrEqual(INTERVAL_MS);
    expect(node.log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  test('one that has had a quarter of the interval hurries, and one that takes too long says so', async () => {
    step = 1;
    expect(await next()).toBeGreaterThan(0.4 * INTERVAL_MS);
    expect(pauses[0]).toBe(8);
    expect(pauses.at(-1)).toBe(2);
    expect(node.log.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('0.4') }),
    );
  });
});

describe('while it is read', () => {
  test('a slot that changes its owners is in the file, but not as whole', async () => {
    const node = world.node('a');
    node.apply(viewOf(1, ['a']));
    for (let i = 0; i < 20_000; i++) node.put(`k${i}`, 'v');
    const running = node.backup.request();
    while (!node.backup.inProgress || !names('a').length) await new Promise(setImmediate);
    node.apply(viewOf(2, ['a', 'b']));
    expect(await running).toBe('success');
    const lost = node.ownership.table.slotsOf('b').primary;
    expect(lost).toBeGreaterThan(0);
    expect(node.log.lines.find(({ level }) => level === 'warn')?.details).toEqual({ slots: lost });
  });

  test('a slot that is still imported is not told as whole', async () => {
    const node = world.node('a');
    node.apply(viewOf(1, ['a', 'b']));
    for (let slot = 0; slot < 16_384; slot++) node.ledger.begin(slot, ['b']);
    expect(await world.back(node)).toEqual(['skipped']);
  });

  test('a flush makes it begin anew', async () => {
    const node = world.node('a');
    node.apply(viewOf(1, ['a']));
    for (let i = 0; i < 20_000; i++) node.put(`k${i}`, 'v');
    const running = node.backup.request();
    while (!names('a').length) await new Promise(setImmediate);
    node.store.flush(makeVersion(world.now + 1, 0, 1));
    node.put('after', 'v', world.now + 2);
    expect(await running).toBe('success');
    expect(await world.values()).toEqual({ after: 'v' });
  });
});
