import fc from 'fast-check';
import { ClusterMembership } from './cluster-membership.js';
import { beginHistory, historyOf } from './epoch.js';
import type { View } from './member.js';
import { MemoryRegistry } from './memory-registry.js';
import type { Registry } from './registry.js';
import { FakeTime } from '../test/fake-time.js';

jest.setTimeout(120_000);

test('an epoch names its history, and histories are above one another by time, or by what is known', () => {
  const begun = beginHistory(1_800_000_000_000, 0);
  expect(historyOf(begun)).toBe(historyOf(begun + 2 ** 15 - 1));
  expect(historyOf(begun + 2 ** 15)).toBe(historyOf(begun) + 1);
  expect(beginHistory(1_800_000_000_032, 0)).toBeGreaterThan(begun);
  expect(historyOf(beginHistory(1_700_000_000_000, begun))).toBe(historyOf(begun) + 2); // a clock that was set back
  expect(historyOf(beginHistory(0, 0))).toBe(1);
  expect(beginHistory(Date.UTC(2050, 0, 1), 0)).toBeLessThan(2 ** 50);
});

/** Registries that were copied from one another, each of which believes that it is the one. */
class Forks {
  readonly time = new FakeTime();
  readonly registries: MemoryRegistry[] = [
    new MemoryRegistry({ now: () => this.time.now, damping: { baseHoldMs: 0 } }),
  ];
  readonly nodes: ClusterMembership[] = [];
  /** By epoch: the members of every view that anybody has adopted. */
  readonly adopted = new Map<number, string>();
  readonly problems: string[] = [];
  readonly #at: number[] = [];
  #seed = 5;

  async add(id: string | undefined, at: number): Promise<void> {
    const { time } = this;
    const index = this.nodes.length;
    this.#at.push(at);
    const node = new ClusterMembership({
      ...{ cluster: 'c', registry: this.#clientOf(index), timers: time, joinTimeoutMs: 100 },
      ...(id !== undefined && { self: { id, host: 'h', dataPort: 1, httpPort: 2, state: 'up' as const } }),
      now: () => time.now,
      monotonic: () => time.now,
      random: () => (this.#seed = (this.#seed * 16_807) % 2_147_483_647) / 2_147_483_647,
      peers: { probe: async () => ({ state: 'serving', epoch: 0 }), view: async () => undefined },
    });
    node.on('view', (view, previous) => this.#check(view, previous));
    this.nodes.push(node);
    await (id === undefined ? node.start() : node.join());
  }

  /** From now on the process talks to another one of the registries. */
  async move(index: number, at: number): Promise<void> {
    const node = this.nodes[index % this.nodes.length]!;
    this.#at[index % this.nodes.length] = at % this.registries.length;
    const refreshed = node.refresh();
    await this.apart();
    await refreshed;
  }

  async fork(from: number): Promise<void> {
    if (this.registries.length === 4) return;
    const fork = this.registries[from % this.registries.length]!.fork();
    this.registries.push(fork);
    await fork.read('c');
    await this.apart();
  }

  /** No two histories begin in one 1/16 s: that is what epoch.ts asks for. */
  async apart(): Promise<void> {
    await this.time.pass(150);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  #clientOf(index: number): Registry {
    const current = (): MemoryRegistry => this.registries[this.#at[index]!]!;
    return {
      heartbeat: (...args) => current().heartbeat(...args),
      remove: (...args) => current().remove(...args),
      read: (...args) => current().read(...args),
      subscribe: async () => async () => undefined,
      close: async () => undefined,
    };
  }

  #check(view: View, previous: View | undefined): void {
    const members = JSON.stringify(view.members);
    const before = this.adopted.get(view.epoch) ?? members;
    if (before !== members) this.problems.push(`epoch ${view.epoch}: ${members} and ${before}`);
    this.adopted.set(view.epoch, members);
    if (!previous) return;
    if (view.epoch <= previous.epoch) this.problems.push(`${view.epoch} after ${previous.epoch}`);
    for (const { id } of previous.members) {
      if (!view.members.some((member) => member.id === id)) this.problems.push(`${id} is lost in ${view.epoch}`);
    }
  }
}

test('whichever of several forked registries each process talks to: no epoch has two views, and nobody is lost', async () => {
  const n = fc.nat(9);
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ op: fc.constant('fork' as const), from: n }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('move' as const), node: n, to: n }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('join' as const), to: n }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant('weigh' as const), node: n, weight: fc.integer({ min: 1, max: 9 }) }),
    },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('time' as const), ms: fc.integer({ min: 40, max: 4000 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const forks = new Forks();
      for (const id of ['a', 'b', undefined]) await forks.add(id, 0);
      for (const each of steps) {
        if (each.op === 'fork') await forks.fork(each.from);
        else if (each.op === 'move') await forks.move(each.node, each.to);
        else if (each.op === 'time') await forks.time.pass(each.ms);
        else if (each.op === 'join') {
          if (forks.nodes.length < 7) await forks.add(`n${forks.nodes.length}`, each.to % forks.registries.length);
        } else {
          const node = forks.nodes[each.node % forks.nodes.length]!;
          if (node.self) await node.update({ weight: each.weight });
        }
        await forks.apart();
      }
      for (const [i] of forks.nodes.entries()) await forks.move(i, forks.registries.length - 1);
      await forks.time.pass(5000);
      expect(forks.problems).toEqual([]);
      expect(new Set(forks.nodes.map(({ view }) => view.epoch)).size).toBe(1); // one registry again, one view
      await forks.close();
    }),
    { numRuns: Number(process.env['FORK_RUNS'] ?? 60) },
  );
});
