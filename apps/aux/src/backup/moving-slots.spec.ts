import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { BackupWorld, type FakeNode, viewOf } from '../../test/backup-fixture.js';

jest.setTimeout(60_000);

const IDS = ['a', 'b', 'c', 'd'];

/** A cluster whose every node has every key: what is backed up depends on the view alone. */
class Cluster {
  readonly world = new BackupWorld();
  readonly nodes = new Map<string, FakeNode>();
  readonly truth = new Map<string, string>();
  epoch = 0;
  up: readonly string[] = [];

  constructor(readonly keep = 2) {}

  become(ids: readonly string[]): void {
    this.up = ids;
    const view = viewOf(++this.epoch, ids);
    for (const id of ids) {
      let node = this.nodes.get(id);
      if (node === undefined) this.nodes.set(id, (node = this.world.node(id, { keep: this.keep })));
      node.apply(view);
      for (const [key, value] of this.truth) node.put(key, value, this.world.now);
    }
    for (const id of this.nodes.keys()) if (!ids.includes(id)) this.nodes.delete(id);
  }

  put(key: string, value: string): void {
    this.world.now += 1;
    this.truth.set(key, value);
    for (const node of this.nodes.values()) node.put(key, value);
  }

  files(): number {
    const root = join(this.world.directory, 'dcs');
    return existsSync(root) ? readdirSync(root).reduce((sum, id) => sum + readdirSync(join(root, id)).length, 0) : 0;
  }
}

const step = fc.oneof(
  fc.record({ become: fc.uniqueArray(fc.constantFrom(...IDS), { minLength: 1, maxLength: 4 }) }),
  fc.record({ put: fc.nat(30), value: fc.nat(1000) }),
  fc.record({ backup: fc.constantFrom(...IDS) }),
  fc.record({ wait: fc.constantFrom(1000, 600_000, 8_000_000) }),
);

test('whoever comes, goes and writes when: a restore gives each key as it was at some time since its last backup', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const cluster = new Cluster();
      /** What a restore may give for a key: what was there when it was last backed up, or something later. */
      const allowed = new Map<string, Set<string>>();
      const backedUp = new Set<string>();
      cluster.become(['a', 'b']);
      for (const one of steps) {
        if ('become' in one) cluster.become(one.become);
        else if ('put' in one) {
          const key = `k${one.put}`;
          cluster.put(key, `${one.value}`);
          if (!allowed.has(key)) allowed.set(key, new Set());
          allowed.get(key)!.add(`${one.value}`);
        } else if ('wait' in one) cluster.world.now += one.wait;
        else if (cluster.nodes.has(one.backup)) {
          const node = cluster.nodes.get(one.backup)!;
          await cluster.world.back(node);
          for (const [key, value] of cluster.truth) {
            const slot = node.store.peek(key)!.slot;
            if (node.ownership.roleOf(slot) !== 1) continue;
            backedUp.add(key);
            allowed.set(key, new Set([value]));
          }
        }
      }
      const values = await cluster.world.values();
      for (const key of backedUp) expect([...allowed.get(key)!].includes(values[key]!)).toBe(true);
      cluster.world.close();
    }),
    { numRuns: 15 },
  );
});

test('the number of files stays bounded, and folders of nodes that are gone go in the end', async () => {
  const cluster = new Cluster(2);
  cluster.become(['a', 'b', 'c']);
  for (let i = 0; i < 50; i++) cluster.put(`k${i}`, 'x');
  const round = () => cluster.world.back(...[...cluster.nodes.values()]);
  for (let i = 0; i < 5; i++) await round();
  expect(cluster.files()).toBe(6);
  cluster.world.restoreFailed = true; // then what is there may be needed
  await round();
  expect(cluster.files()).toBe(9);
  cluster.world.restoreFailed = false;
  await round();
  expect(cluster.files()).toBe(6);
  const gone = join(cluster.world.directory, 'dcs', 'c');
  cluster.become(['a', 'b']);
  for (let i = 0; i < 5; i++) await round();
  expect(readdirSync(gone)).toHaveLength(2); // a margin of time first
  writeFileSync(join(gone, 'x.dcsb.tmp'), 'left by a process that was killed');
  cluster.world.now = Date.now() + 8_000_000;
  for (let i = 0; i < 3; i++) await round();
  cluster.world.now += 8_000_000;
  await round();
  expect(existsSync(gone)).toBe(false);
  expect(Object.keys(await cluster.world.values())).toHaveLength(50);
  cluster.world.close();
});

test('a node that went on with an old view does not hide what the new primary wrote', async () => {
  const cluster = new Cluster();
  cluster.become(['a']);
  cluster.put('k', 'before');
  const lost = cluster.nodes.get('a')!;
  await cluster.world.back(lost);
  cluster.become(['b']);
  cluster.put('k', 'after');
  await cluster.world.back(cluster.nodes.get('b')!);
  await cluster.world.back(lost);
  expect(await cluster.world.values()).toEqual({ k: 'after' });
  cluster.world.close();
});
