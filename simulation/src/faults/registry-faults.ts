import { REGISTRY_LINKS } from '../registry/sim-registry.js';
import type { Fault } from './fault.js';
import { type Scene, SHORT_MS } from './scene.js';

/** Longer than a lease, so that what it hides becomes an expiry. */
const LEASE_AND_MORE_MS = 3500;
/** Phases in which leases run out and what follows can be seen. */
const LONG_PHASE_MS = 9000;
/** Phases in which the registry has done with those that it does not hear, and they come back. */
const LONGEST_PHASE_MS = 16_000;
/** Later than any caller waits, in most runs. */
const LATE_MS = [300, 900, 2500];
const CLOCK_STEPS_MS = [-30_000, -5000, -400, 400, 5000, 30_000];
const FAR_CLOCK_STEPS_MS = [-120_000, 120_000];

/** The registry as a whole, and the links to it. */
export const REGISTRY_FAULTS = {
  'registry-refusing': { inject: (scene) => switchTo(scene, 'refusing') },
  'registry-silent': { inject: (scene) => switchTo(scene, 'silent') },

  'registry-stale': {
    loses: 'one',
    inject: (scene) => {
      switchTo(scene, 'stale');
      scene.crash(scene.node(), scene.durationMs / 2, SHORT_MS);
    },
  },

  'registry-wiped': {
    alone: 'a registry that knows nobody forgets the members that another fault hides',
    inject: (scene) => {
      const { registry } = scene.cluster.world;
      scene.at(scene.early, 'registry wiped', () => registry.wipe());
    },
  },

  'registry-and-crash': {
    alone: 'two faults as it is',
    loses: 'one',
    splits: true,
    inject: (scene) => {
      const { registry } = scene.cluster.world;
      const at = scene.early / 2;
      scene.at(at, 'registry down', () => (registry.state = scene.random.pick(['refusing', 'silent'])));
      scene.crash(scene.node(), at + SHORT_MS, scene.random.between(SHORT_MS, scene.durationMs / 2));
      scene.at(scene.durationMs, 'registry up', () => (registry.state = 'up'));
    },
  },

  /** Some processes cannot reach the registry, or do not hear its answers, or hear them late; all reach each other. */
  'registry-partial': {
    minPhaseMs: LONGEST_PHASE_MS,
    inject: (scene) => {
      const all = [...scene.cluster.running, ...scene.cluster.gateways];
      const some = scene.random.shuffled(all).slice(0, scene.random.integer(1, all.length));
      const at = scene.early;
      const ms = scene.random.between(scene.random.pick([SHORT_MS, 2 * LEASE_AND_MORE_MS]), scene.durationMs - at);
      const isSame = scene.random.chance(0.5);
      const link = scene.random.pick(REGISTRY_LINKS);
      for (const host of some) {
        scene.cutRegistry(host, at, ms, isSame ? link : scene.random.pick(REGISTRY_LINKS));
      }
    },
  },

  /** Answers of the registry come late, to some processes after they have given up. */
  'registry-late': {
    minPhaseMs: LONG_PHASE_MS,
    inject: (scene) => {
      const { registry } = scene.cluster.world;
      const all = [...scene.cluster.running, ...scene.cluster.gateways];
      const at = scene.early;
      const ms = scene.random.between(SHORT_MS, scene.durationMs - at);
      for (const { id } of scene.random.shuffled(all).slice(0, scene.random.integer(1, all.length))) {
        const lateMs = scene.random.pick(LATE_MS);
        scene.at(at, `registry late to ${id} by ${lateMs}`, () => registry.delay(id, lateMs));
        scene.at(at + ms, `registry in time to ${id}`, () => registry.delay(id, 0));
      }
    },
  },

  /** Two registries, each with some of the processes: an old primary beside the replica that took its place. */
  'registry-forked': {
    alone: 'where owners change on both sides, an increment may count twice',
    minPhaseMs: LONG_PHASE_MS,
    splits: true,
    inject: (scene) => {
      const { registry } = scene.cluster.world;
      const all = [...scene.cluster.running, ...scene.cluster.gateways].map(({ id }) => id);
      const onFork = scene.random.shuffled(all).slice(0, scene.random.integer(1, all.length - 1));
      const at = scene.early;
      const ms = scene.random.between(SHORT_MS, scene.durationMs - at);
      const keepsFork = scene.random.chance(0.5);
      scene.at(at, `registry forked for ${onFork.join(' ')}`, () => registry.fork(onFork));
      scene.at(
        Math.min(at + ms, scene.durationMs),
        `registry one again, ${keepsFork ? 'the fork' : 'the old one'}`,
        () => registry.join(keepsFork),
      );
    },
  },

  /** The registry comes back with what it knew some time ago; meanwhile a node died, joined or left. */
  'registry-restored': {
    minPhaseMs: LONG_PHASE_MS,
    loses: 'one',
    spares: 1,
    inject: (scene) => {
      const { registry } = scene.cluster.world;
      const at = scene.early;
      const olderMs = scene.random.between(SHORT_MS, Math.max(SHORT_MS, scene.durationMs - at));
      scene.at(at, 'snapshot of the registry', () => registry.snapshot());
      const node = scene.node();
      const between = at + olderMs * scene.random.float();
      const spare = scene.cluster.nodes.find(({ isRunning }) => !isRunning);
      const what = scene.random.pick(['crash', 'leave', 'join', 'nothing'] as const);
      if (what === 'crash') scene.crash(node, between, scene.random.between(SHORT_MS, scene.durationMs));
      if (what === 'leave') {
        scene.at(between, `leave ${node.id}`, () => node.leave());
        scene.restart(node, scene.durationMs);
      }
      if (what === 'join' && spare !== undefined) scene.at(between, `start ${spare.id}`, () => spare.start());
      scene.at(at + olderMs, 'registry restored', () => registry.restore());
    },
  },

  /** The registry's own clock steps, which all processes take their time from. */
  'registry-clock': {
    minPhaseMs: LONG_PHASE_MS,
    splits: true,
    movesClocks: true,
    inject: (scene) => stepClock(scene, CLOCK_STEPS_MS),
  },

  /** The same, by more than entries have to live. */
  'registry-clock-far': {
    off: 'an owner that found an entry expired keeps a tombstone of the same version as the entry that another has',
    minPhaseMs: LONG_PHASE_MS,
    splits: true,
    movesClocks: true,
    inject: (scene) => stepClock(scene, FAR_CLOCK_STEPS_MS),
  },
} satisfies Readonly<Record<string, Fault>>;

function switchTo(scene: Scene, state: 'refusing' | 'silent' | 'stale'): void {
  const { registry } = scene.cluster.world;
  const at = scene.early;
  scene.at(at, `registry ${state}`, () => (registry.state = state));
  scene.at(at + scene.random.between(SHORT_MS, scene.durationMs - at), 'registry up', () => (registry.state = 'up'));
}

function stepClock(scene: Scene, steps: readonly number[]): void {
  const { registry } = scene.cluster.world;
  const stepMs = scene.random.pick(steps);
  scene.at(scene.early, `clock of the registry off by ${stepMs}`, () => (registry.clockOffsetMs = stepMs));
  scene.at(scene.durationMs, 'clock of the registry right', () => (registry.clockOffsetMs = 0));
}
