import fc from 'fast-check';
import { FakePeers } from '../test/fake-peers.js';
import { FakeTime } from '../test/fake-time.js';
import { FaultyRegistry } from '../test/faulty-registry.js';
import { ClusterMembership } from './cluster-membership.js';
import { mayServe } from './expulsion.js';
import type { View } from './member.js';

jest.setTimeout(600_000);

const LEASE_MS = 3000;

class Scene {
  readonly time = new FakeTime();
  readonly registry = new FaultyRegistry(() => this.time.now);
  readonly peers = new FakePeers(this.time);
  readonly observer: ClusterMembership;
  readonly problems: string[] = [];
  #seed = 7;

  constructor() {
    this.observer = this.#make();
  }

  static async of(...ids: string[]): Promise<Scene> {
    const scene = new Scene();
    await scene.observer.start();
    for (const id of ids) await scene.add(id);
    await scene.time.pass(2000);
    return scene;
  }

  get nodes(): ReadonlyMap<string, ClusterMembership> {
    return this.peers.nodes;
  }

  node(id: string): ClusterMembership {
    return this.nodes.get(id)!;
  }

  async add(id: string): Promise<void> {
    const node = this.#make(id);
    this.peers.nodes.set(id, node);
    await node.join();
    await node.update({ state: 'up' });
  }

  async kill(id: string): Promise<void> {
    this.peers.killed.add(id);
    await this.node(id).close();
  }

  /** The view that the registry has now. */
  async view(): Promise<string> {
    return members(await this.registry.read('c'));
  }

  async close(): Promise<void> {
    await this.observer.close();
    for (const node of this.nodes.values()) await node.close();
  }

  #make(id?: string): ClusterMembership {
    const { time, registry } = this;
    const made = new ClusterMembership({
      ...{ cluster: 'c', registry, leaseMs: LEASE_MS, timers: time },
      now: () => time.now,
      monotonic: () => time.now,
      random: () => (this.#seed = (this.#seed * 16_807) % 2_147_483_647) / 2_147_483_647,
      ...(id !== undefined && { self: { id, host: 'h', dataPort: 1, httpPort: 2 }, peers: this.peers.of(id) }),
    });
    made.on('view', (view, previous) => this.#check(view, previous));
    return made;
  }

  /** Whoever adopts a view has seen no member go that serves. */
  #check(view: View, previous: View | undefined): void {
    for (const { id } of previous?.members ?? []) {
      if (this.peers.killed.has(id) || view.members.some((member) => member.id === id)) continue;
      if (!this.node(id).isFenced) this.problems.push(`${id} is expelled in ${view.epoch} and serves`);
    }
  }
}

const members = (view: View): string => view.members.map(({ id }) => id).join('');

describe('a member that does not reach the registry', () => {
  test('stays in the view and serves for as long as the others reach it, whoever is cut off', async () => {
    for (const cut of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      const scene = await Scene.of('a', 'b', 'c');
      for (const id of cut) scene.registry.cut.add(id);
      await scene.time.pass(34_000);
      expect(await scene.view()).toBe('abc');
      expect([...scene.nodes.values()].map(({ isFenced }) => isFenced)).toEqual([false, false, false]);
      scene.registry.cut.clear();
      await scene.time.pass(3000);
      expect(await scene.view()).toBe('abc');
      expect(scene.node('c').overdue).toEqual([]);
      await scene.close();
    }
  });

  test('fences itself before it is expelled when nobody reaches it, and is taken in again afterwards', async () => {
    const scene = await Scene.of('a', 'b', 'c');
    scene.registry.cut.add('a');
    scene.peers.separate('a', 'b');
    scene.peers.separate('a', 'c');
    let readmitted = 0;
    scene.node('a').on('readmitted', () => readmitted++);
    while ((await scene.view()) === 'abc') await scene.time.pass(50);
    expect(scene.node('a').isFenced).toBe(true);
    expect(scene.node('b').isFenced).toBe(false);
    scene.registry.cut.clear();
    await scene.time.pass(1500);
    expect(await scene.view()).toBe('abc');
    expect(readmitted).toBe(1);
    expect(scene.node('a').isFenced).toBe(false);
    await scene.close();
  });

  test('learns newer views from the others, and that it was expelled', async () => {
    const scene = await Scene.of('a', 'b', 'c');
    scene.registry.cut.add('a');
    await scene.time.pass(4000);
    await scene.add('d');
    await scene.time.pass(1000);
    expect(members(scene.node('a').view)).toBe('abcd');
    for (const id of ['b', 'c', 'd']) scene.peers.separate('a', id);
    await scene.time.pass(6000);
    expect(await scene.view()).toBe('bcd');
    scene.peers.cut.clear();
    await scene.time.pass(1000);
    expect(members(scene.node('a').view)).toBe('bcd');
    expect(scene.node('a').isFenced).toBe(true);
    await scene.close();
  });

  test('fences itself, too, when only one direction of its links is cut', async () => {
    for (const direction of ['from', 'to']) {
      const scene = await Scene.of('a', 'b', 'c');
      scene.registry.cut.add('a');
      for (const other of ['b', 'c']) scene.peers.cut.add(direction === 'from' ? `a>${other}` : `${other}>a`);
      while ((await scene.view()) === 'abc') await scene.time.pass(50);
      expect([...scene.nodes.values()].map(({ isFenced }) => isFenced)).toEqual([true, false, false]);
      await scene.close();
    }
  });

  test('expels nobody when it alone reaches the registry and hears nobody', async () => {
    const scene = await Scene.of('a', 'b', 'c');
    for (const id of ['a', 'b']) {
      scene.registry.cut.add(id);
      scene.peers.separate(id, 'c');
    }
    await scene.time.pass(34_000);
    expect(await scene.view()).toBe('abc');
    expect(scene.node('a').isFenced).toBe(false); // with b it is most of the view
    await scene.close();
  });
});

describe('a member that was killed', () => {
  test('is out of the view a second after its lease, and so are two of three', async () => {
    for (const killed of [['a'], ['a', 'b']]) {
      const scene = await Scene.of('a', 'b', 'c');
      for (const id of killed) await scene.kill(id);
      await scene.time.pass(LEASE_MS + 1000);
      expect(await scene.view()).toBe(killed.length === 1 ? 'bc' : 'c');
      await scene.close();
    }
  });

  test('is expelled too when its host is gone and nothing answers', async () => {
    const scene = await Scene.of('a', 'b', 'c');
    await scene.kill('a');
    scene.peers.separate('a', 'b');
    scene.peers.separate('a', 'c');
    await scene.time.pass(LEASE_MS + 1500);
    expect(await scene.view()).toBe('bc');
    await scene.close();
  });

  test('is expelled by the other one of two', async () => {
    const scene = await Scene.of('a', 'b');
    await scene.kill('a');
    scene.peers.separate('a', 'b');
    await scene.time.pass(LEASE_MS + 2000);
    expect(await scene.view()).toBe('b');
    await scene.close();
  });

  test('waits for a second witness while one cannot say: the first may lie', async () => {
    const scene = await Scene.of('a', 'b', 'c');
    scene.registry.cut.add('a');
    scene.peers.separate('a', 'b'); // b says that a is silent; c hears it
    await scene.time.pass(20_000);
    expect(await scene.view()).toBe('abc');
    expect(scene.node('a').isFenced).toBe(false);
    await scene.close();
  });
});

test('a member serves with more than half of its view, itself included', () => {
  const table = [1, 2, 3, 4, 5].map((n) => Array.from({ length: n }, (_, heard) => mayServe(heard, n)));
  expect(table).toEqual([
    [true],
    [false, true],
    [false, true, true],
    [false, false, true, true],
    [false, false, true, true, true],
  ]);
});

test('no member that serves is expelled, whatever links break, heal and whoever dies', async () => {
  const ids = ['a', 'b', 'c', 'd'];
  const id = fc.constantFrom('a', 'a', 'b', 'c', 'd');
  const ms = fc.oneof(fc.integer({ min: 50, max: 600 }), fc.integer({ min: 600, max: 4500 }));
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('isolate', 'rejoin', 'cut', 'heal'), id, other: id }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('lose', 'lose', 'reach'), id }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('kill'), id: fc.constantFrom('c', 'd') }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('join'), id: fc.constantFrom('e', 'f') }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('wipe', 'restore') }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('time'), ms }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      fc.array(step, { minLength: 5, maxLength: 16 }),
      async (size, steps) => {
        const scene = await Scene.of(...ids.slice(0, size));
        scene.registry.backUp();
        const check = (): void => expect(scene.problems).toEqual([]);
        for (const each of steps) {
          if (each.op === 'wipe' || each.op === 'restore') {
            scene.registry.reachable = false; // for longer than the 1/16 s that epoch.ts needs between two histories
            await scene.time.pass(100);
            scene.registry[each.op]();
            scene.registry.reachable = true;
          } else if ('other' in each) {
            const one = each.op === 'cut' || each.op === 'heal';
            const others = one ? [each.other] : [...scene.nodes.keys()].filter((other) => other !== each.id);
            for (const other of others) {
              if (each.op === 'cut' || each.op === 'isolate') scene.peers.separate(each.id, other);
              else scene.peers.join(each.id, other);
            }
          } else if ('ms' in each) {
            for (let passed = 0; passed < each.ms; passed += 50) {
              await scene.time.pass(50);
              check();
            }
          } else if (each.op === 'join') {
            if (!scene.nodes.has(each.id)) await scene.add(each.id);
          } else if ('id' in each && scene.nodes.has(each.id) && !scene.peers.killed.has(each.id)) {
            if (each.op === 'kill') await scene.kill(each.id);
            else if (each.op === 'lose') scene.registry.cut.add(each.id);
            else scene.registry.cut.delete(each.id);
          }
          check();
        }
        await scene.close();
      },
    ),
    { numRuns: Number(process.env['EXPULSION_RUNS'] ?? 40) },
  );
});
