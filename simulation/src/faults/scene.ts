import type { AuxHost } from '../cluster/aux-host.js';
import type { SimCluster } from '../cluster/cluster.js';
import type { Random } from '../kernel/random.js';
import type { SimProcess } from '../kernel/sim-process.js';
import type { RegistryLink } from '../registry/sim-registry.js';

/** What went that only disks keep, by the world's clock: some promises hold up to such a moment, and from it on. */
export interface Losses {
  /** All processes that owned a slot were gone: what they remembered of operations went with them. */
  readonly memory: number[];
  /** The same by a power cut: what was not synced went, too. */
  readonly power: number[];
}

export interface FaultContext {
  readonly cluster: SimCluster;
  readonly random: Random;
  /** How long the fault phase lasts, ms. */
  readonly durationMs: number;
  readonly losses: Losses;
}

/** The shortest time for which something is broken. */
export const SHORT_MS = 300;
const POLL_MS = 100;
/** New weights of a node; the others have 1, or 2. */
const WEIGHTS = [0.25, 0.5, 2, 4];

/** Helpers for writing faults down shortly. */
export class Scene {
  readonly cluster: SimCluster;
  readonly random: Random;
  readonly durationMs: number;
  readonly losses: Losses;

  constructor({ cluster, random, durationMs, losses }: FaultContext) {
    this.cluster = cluster;
    this.random = random;
    this.durationMs = durationMs;
    this.losses = losses;
  }

  at(ms: number, text: string, run: () => void): void {
    const { kernel } = this.cluster.world;
    kernel.at(kernel.now + ms, undefined, 'fault', () => {
      kernel.note('fault', text);
      run();
    });
  }

  /** A moment in the first half of the phase. */
  get early(): number {
    return this.random.between(0, this.durationMs / 2);
  }

  /** A running node. */
  node(): AuxHost {
    return this.random.pick(this.cluster.running);
  }

  other(than: AuxHost): AuxHost {
    return this.random.pick(this.cluster.running.filter((node) => node !== than));
  }

  /** Cuts the way from one to the other for a while; `both`: also the way back. */
  cut(a: { process: SimProcess }, b: { process: SimProcess }, from: number, ms: number, both: boolean): void {
    const { network } = this.cluster.world;
    const [x, y] = [a.process.name, b.process.name];
    this.at(from, `cut ${x} ${both ? '<>' : '>'} ${y}`, () => {
      network.cut(a.process, b.process);
      if (both) network.cut(b.process, a.process);
    });
    this.at(from + ms, `heal ${x} ${y}`, () => {
      network.heal(a.process, b.process);
      network.heal(b.process, a.process);
    });
  }

  /** Cuts the link of a process to the registry for a while. */
  cutRegistry({ id }: { id: string }, from: number, ms: number, link: RegistryLink): void {
    const { registry } = this.cluster.world;
    this.at(from, `registry away from ${id}: ${link}`, () => registry.cut(id, link));
    this.at(from + ms, `registry back to ${id}`, () => registry.heal(id));
  }

  reweigh(node: AuxHost, at: number): void {
    const weight = this.random.pick(WEIGHTS);
    this.at(at, `weight ${node.id} ${weight}`, () => node.reweigh(weight));
  }

  /** Starts it, or does so as soon as the process that still hands over is gone. */
  restart(node: AuxHost, at: number): void {
    const { kernel } = this.cluster.world;
    const start = (): void => {
      if (node.phase === 'leaving') kernel.at(kernel.now + POLL_MS, undefined, 'fault', start);
      else node.start();
    };
    this.at(at, `start ${node.id}`, start);
  }

  crash(node: AuxHost, at: number, downMs: number): void {
    this.at(at, `kill ${node.id}`, () => node.kill());
    this.at(at + downMs, `start ${node.id}`, () => node.start());
  }
}
