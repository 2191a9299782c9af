import type { Fault } from './fault.js';
import { SHORT_MS } from './scene.js';

const SHORTEST_CUT_MS = 50;
/** Shorter than a gateway waits before it asks another owner. */
const LONGEST_BRIEF_CUT_MS = 700;
const BRIEF_EVERY_MS = 1200;

/** Links between nodes, and between nodes and gateways. */
export const NETWORK_FAULTS = {
  partition: {
    splits: true,
    parts: true,
    inject: (scene) => {
      const a = scene.node();
      const at = scene.early;
      scene.cut(a, scene.other(a), at, scene.random.between(SHORTEST_CUT_MS, scene.durationMs - at), true);
    },
  },

  'one-way': {
    splits: true,
    parts: true,
    inject: (scene) => {
      const a = scene.node();
      const at = scene.early;
      scene.cut(a, scene.other(a), at, scene.random.between(SHORTEST_CUT_MS, scene.durationMs - at), false);
    },
  },

  /** Links between nodes are cut for so short a time, one after the other, that nobody acts in another's place. */
  'brief-cuts': {
    alone: 'nothing is excused; with a crash, what only a fallback node has may be missing for a while',
    readsPrimaries: true,
    inject: (scene) => {
      for (let at = scene.early / 4; at + BRIEF_EVERY_MS < scene.durationMs; at += BRIEF_EVERY_MS) {
        const a = scene.node();
        const ms = scene.random.between(SHORTEST_CUT_MS, LONGEST_BRIEF_CUT_MS);
        scene.cut(a, scene.other(a), at, ms, scene.random.chance(0.5));
      }
    },
  },

  isolate: {
    splits: true,
    parts: true,
    inject: (scene) => {
      const a = scene.node();
      const at = scene.early;
      const ms = scene.random.between(SHORTEST_CUT_MS, scene.durationMs - at);
      for (const b of scene.cluster.running) if (b !== a) scene.cut(a, b, at, ms, true);
      if (scene.random.chance(0.5)) for (const gateway of scene.cluster.gateways) scene.cut(a, gateway, at, ms, true);
      if (scene.random.chance(0.5)) scene.cutRegistry(a, at, ms, 'both');
    },
  },

  'cut-gateway': {
    splits: true,
    inject: (scene) => {
      const gateway = scene.random.pick(scene.cluster.gateways);
      const at = scene.early;
      const ms = scene.random.between(SHORTEST_CUT_MS, scene.durationMs - at);
      scene.cut(scene.node(), gateway, at, ms, scene.random.chance(0.7));
    },
  },

  reset: {
    inject: (scene) => {
      const { network } = scene.cluster.world;
      const hosts = [...scene.cluster.running, ...scene.cluster.gateways];
      for (let i = scene.random.integer(1, 12); i > 0; i--) {
        const a = scene.random.pick(scene.cluster.running);
        const b = scene.random.pick(hosts);
        scene.at(scene.random.between(0, scene.durationMs), `reset ${a.id} ${b.id}`, () => {
          for (const connection of network.between(a.process, b.process)) connection.reset();
        });
      }
    },
  },

  slow: {
    splits: true,
    parts: true,
    inject: (scene) => {
      const { network } = scene.cluster.world;
      const a = scene.node();
      const at = scene.early;
      const ms = scene.random.pick([20, 100, 300, 1000]);
      const hosts = [...scene.cluster.running, ...scene.cluster.gateways].filter((host) => host !== a);
      const others = scene.random.chance(0.5) ? hosts : [scene.random.pick(hosts)];
      const set = (delayMs: number): void => {
        for (const b of others) {
          network.slow(a.process, b.process, delayMs);
          network.slow(b.process, a.process, delayMs);
        }
      };
      scene.at(at, `slow ${a.id} ${ms}`, () => set(ms));
      scene.at(at + scene.random.between(SHORT_MS, scene.durationMs - at), `fast ${a.id}`, () => set(0));
    },
  },
} satisfies Readonly<Record<string, Fault>>;
