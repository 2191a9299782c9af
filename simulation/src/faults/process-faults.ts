import type { AuxHost } from '../cluster/aux-host.js';
import type { Fault } from './fault.js';
import { type Scene, SHORT_MS } from './scene.js';

/** What a node answers to a write that it has done begins with the version. */
const WRITE_REPLY = /^\+-?\d+ [\da-f]{24}\r/;
const SHORTEST_PAUSE_MS = 50;
/** Shorter than a gateway waits before it asks another owner. */
const LONGEST_BRIEF_PAUSE_MS = 400;
const BRIEF_EVERY_MS = 1200;
const CHURN_WEIGHTS = [0.25, 0.5, 1, 2, 4];
const CHURN_PAUSE_MS = [20, 700] as const;
const FLAP_DOWN_MS = 2000;
const FLAP_EVERY_MS = 4000;

/** Processes that die, stand still, leave, join, restart. */
export const PROCESS_FAULTS = {
  calm: { inject: () => undefined },

  crash: {
    loses: 'one',
    inject: (scene) => {
      const at = scene.early;
      scene.crash(scene.node(), at, scene.random.between(SHORT_MS, scene.durationMs - at));
    },
  },

  /** Dies in the moment in which it has answered a write, in half of the runs with all else that it has just sent. */
  'die-after-reply': {
    loses: 'one',
    inject: (scene) => {
      const node = scene.node();
      const { network } = scene.cluster.world;
      const { process } = scene.random.pick(scene.cluster.gateways);
      const at = scene.early;
      const downMs = scene.random.between(SHORT_MS, scene.durationMs - at);
      const losesPower = scene.random.chance(0.5);
      scene.at(at, `kill ${node.id} when it answers ${process.name}`, () =>
        network.watchReplies(node.process, process, (bytes) => {
          if (!WRITE_REPLY.test(bytes)) return;
          network.unwatchReplies(node.process, process);
          if (losesPower) {
            network.loseSent(node.process, process);
            node.losePower();
          } else {
            node.kill();
          }
          scene.at(downMs, `start ${node.id}`, () => node.powerOn());
        }),
      );
    },
  },

  'power-off': {
    loses: 'one',
    inject: (scene) => {
      const node = scene.node();
      const at = scene.early;
      scene.at(at, `power off ${node.id}`, () => node.losePower());
      scene.at(at + scene.random.between(SHORT_MS, scene.durationMs - at), `power on ${node.id}`, () => node.powerOn());
    },
  },

  pause: {
    splits: true,
    inject: (scene) => {
      const node = scene.node();
      const at = scene.early;
      scene.at(at, `pause ${node.id}`, () => node.pause());
      scene.at(at + scene.random.between(50, scene.durationMs - at), `resume ${node.id}`, () => node.resume());
    },
  },

  /** Nodes stand still for so short a time, one after the other, that nobody acts in another's place. */
  'brief-pauses': {
    alone: 'nothing is excused; with a crash, what only a fallback node has may be missing for a while',
    readsPrimaries: true,
    inject: (scene) => {
      for (let at = scene.early / 4; at + BRIEF_EVERY_MS < scene.durationMs; at += BRIEF_EVERY_MS) {
        const node = scene.node();
        const ms = scene.random.between(SHORTEST_PAUSE_MS, LONGEST_BRIEF_PAUSE_MS);
        scene.at(at, `pause ${node.id}`, () => node.pause());
        scene.at(at + ms, `resume ${node.id}`, () => node.resume());
      }
    },
  },

  'pause-gateway': {
    splits: true,
    inject: (scene) => {
      const { process } = scene.random.pick(scene.cluster.gateways);
      const at = scene.early;
      scene.at(at, `pause ${process.name}`, () => process.pause());
      scene.at(at + scene.random.between(50, scene.durationMs - at), `resume ${process.name}`, () => process.resume());
    },
  },

  'crash-gateway': {
    inject: (scene) => {
      const gateway = scene.random.pick(scene.cluster.gateways);
      const at = scene.early;
      scene.at(at, `kill ${gateway.id}`, () => gateway.kill());
      scene.at(at + scene.random.between(SHORT_MS, scene.durationMs / 2), `start ${gateway.id}`, () => gateway.start());
    },
  },

  leave: {
    inject: (scene) => {
      const node = scene.node();
      scene.at(scene.early, `leave ${node.id}`, () => node.leave());
      if (scene.random.chance(0.5)) scene.at(scene.durationMs, `start ${node.id}`, () => node.start());
    },
  },

  /** Other shares of the slots: told while it runs, or brought along when it comes back after leaving or dying. */
  reweigh: {
    loses: 'one',
    inject: (scene) => {
      const node = scene.node();
      const how = scene.random.pick(['tell', 'leave', 'kill'] as const);
      const at = scene.early;
      if (how !== 'tell') scene.at(at, `${how} ${node.id}`, () => node[how]());
      scene.reweigh(node, at);
      if (how !== 'tell') scene.restart(node, at + scene.random.between(SHORT_MS, scene.durationMs - at));
      if (scene.random.chance(0.5)) scene.reweigh(scene.other(node), scene.early);
    },
  },

  join: { spares: 1, inject: (scene) => startSpares(scene) },

  'rolling-restart': {
    alone: 'a node that is told to leave while it reaches nobody takes with it what it alone has',
    inject: (scene) => restartAll(scene, () => undefined),
  },

  /** Every node restarts with another `DCS_REPLICAS`, one after the other. */
  'replicas-change': {
    changesReplicas: true,
    inject: (scene) => {
      const replicas = scene.cluster.options.replicas === 2 ? 3 : 2;
      restartAll(scene, (node) => node.setReplicas(replicas));
    },
  },

  /** Slots move, to a node that joins, from one that leaves, or by a change of weight, and a node dies meanwhile. */
  'crash-in-handoff': {
    loses: 'one',
    spares: 1,
    inject: (scene) => {
      const at = scene.early;
      const moved = startHandoff(scene, at);
      const victim = scene.random.chance(0.4) && moved.how === 'join' ? moved.node : scene.other(moved.node);
      const crashAt = at + scene.random.between(0, SHORT_MS);
      scene.crash(victim, crashAt, scene.random.between(SHORT_MS, scene.durationMs - at));
    },
  },

  /** The same, and links are cut or reset, or a node stands still. */
  'cut-in-handoff': {
    splits: true,
    parts: true,
    spares: 1,
    inject: (scene) => {
      const at = scene.early;
      const { node } = startHandoff(scene, at);
      const { network } = scene.cluster.world;
      const from = at + scene.random.between(0, 2 * SHORT_MS);
      const ms = scene.random.between(SHORT_MS, scene.durationMs - at);
      const other = scene.other(node);
      const what = scene.random.pick(['cut', 'one way', 'reset', 'pause'] as const);
      if (what === 'cut' || what === 'one way') scene.cut(node, other, from, ms, what === 'cut');
      if (what === 'pause') {
        scene.at(from, `pause ${other.id}`, () => other.pause());
        scene.at(from + ms, `resume ${other.id}`, () => other.resume());
      }
      if (what === 'reset') {
        scene.at(from, `reset all of ${node.id}`, () => {
          for (const host of [...scene.cluster.nodes, ...scene.cluster.gateways]) {
            for (const connection of network.between(node.process, host.process)) connection.reset();
          }
        });
      }
    },
  },

  /** Owners change again before the last change is done: nodes join, leave, come back and change their weight. */
  churn: {
    alone: 'a node that is told to leave while it reaches nobody takes with it what it alone has',
    spares: 2,
    inject: (scene) => churn(scene),
  },

  'churn-and-crash': {
    loses: 'one',
    spares: 2,
    alone: 'two faults as it is',
    inject: (scene) => {
      churn(scene);
      const at = scene.random.between(0, scene.durationMs / 2);
      scene.crash(scene.node(), at, scene.random.between(SHORT_MS, scene.durationMs - at));
    },
  },

  flap: {
    loses: 'one',
    inject: (scene) => {
      const node = scene.node();
      for (let at = scene.early / 4; at + FLAP_DOWN_MS < scene.durationMs; at += FLAP_EVERY_MS) {
        scene.crash(node, at, FLAP_DOWN_MS);
      }
    },
  },

  /** Memory is full, so that entries are evicted, and a node is away for a while. */
  'full-memory-and-crash': {
    loses: 'one',
    evicts: true,
    minPhaseMs: 5000,
    inject: (scene) => {
      const at = scene.early;
      scene.crash(scene.node(), at, scene.random.between(SHORT_MS, scene.durationMs - at));
    },
  },

  'full-memory-and-pause': {
    splits: true,
    evicts: true,
    minPhaseMs: 5000,
    inject: (scene) => {
      const node = scene.node();
      const at = scene.early;
      scene.at(at, `pause ${node.id}`, () => node.pause());
      scene.at(at + scene.random.between(SHORT_MS, scene.durationMs - at), `resume ${node.id}`, () => node.resume());
    },
  },
} satisfies Readonly<Record<string, Fault>>;

/** Makes slots move. Returns how, and the node that it is done to. */
function startHandoff(scene: Scene, at: number): { how: 'join' | 'leave' | 'reweigh'; node: AuxHost } {
  const how = scene.random.pick(['join', 'join', 'leave', 'reweigh'] as const);
  const spare = scene.cluster.nodes.find(({ isRunning }) => !isRunning);
  if (how === 'join' && spare !== undefined) {
    scene.at(at, `start ${spare.id}`, () => spare.start());
    return { how, node: spare };
  }
  const node = scene.node();
  if (how === 'leave') {
    scene.at(at, `leave ${node.id}`, () => node.leave());
    scene.restart(node, scene.durationMs);
    return { how, node };
  }
  scene.reweigh(node, at);
  return { how: 'reweigh', node };
}

function churn(scene: Scene): void {
  const { nodes } = scene.cluster;
  let at = scene.early / 2;
  for (let i = scene.random.integer(3, 6); i > 0; i--) {
    const node = scene.random.pick(nodes);
    scene.at(at, `churn ${node.id}`, () => {
      if (!node.isRunning) node.start();
      else if (scene.random.chance(0.5) && scene.cluster.running.length > scene.cluster.options.maxReplicas)
        node.leave();
      else node.reweigh(scene.random.pick(CHURN_WEIGHTS));
    });
    at += scene.random.between(CHURN_PAUSE_MS[0], CHURN_PAUSE_MS[1]);
  }
}

function startSpares(scene: Scene): void {
  for (const spare of scene.cluster.nodes.filter(({ isRunning }) => !isRunning)) {
    scene.at(scene.early, `start ${spare.id}`, () => spare.start());
  }
}

/** Each node leaves and comes back, one after the other. */
function restartAll(scene: Scene, change: (node: AuxHost) => void): void {
  const { running, world } = scene.cluster;
  const restart = (i: number): void => {
    const node = running[i];
    if (node === undefined) return;
    node.leave();
    change(node);
    const again = (): void => {
      if (!node.isRunning) node.start();
      if (node.isReady && node.phase === 'up') restart(i + 1);
      else world.kernel.at(world.kernel.now + 100, undefined, 'fault', again);
    };
    world.kernel.at(world.kernel.now + 100, undefined, 'fault', again);
  };
  scene.at(scene.early / 4, 'rolling restart', () => restart(0));
}
