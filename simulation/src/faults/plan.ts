import type { Random } from '../kernel/random.js';
import { CHOSEN_DISK_FAULTS, DISK_FAULTS, RESTORE } from './disk-faults.js';
import { type FaultContext, Scene, SHORT_MS } from './scene.js';

/** Those that a seed is given by chance. */
const CHOSEN = [
  'calm',
  'crash',
  'die-after-reply',
  'power-off',
  'pause',
  'pause-gateway',
  'crash-gateway',
  'leave',
  'reweigh',
  'join',
  'rolling-restart',
  'crash-in-handoff',
  'partition',
  'one-way',
  'isolate',
  'cut-gateway',
  'reset',
  'slow',
  'registry-refusing',
  'registry-silent',
  'registry-stale',
  'registry-wiped',
  'registry-and-crash',
  'clock',
  'flap',
  ...CHOSEN_DISK_FAULTS,
] as const;

export const FAULT_NAMES = [...CHOSEN, RESTORE] as const;

export type FaultName = (typeof FAULT_NAMES)[number];

/** Faults under which two nodes may act for one slot at the same time, each unaware of the other. */
export const SPLITTING: ReadonlySet<FaultName> = new Set([
  'partition',
  'one-way',
  'isolate',
  'cut-gateway',
  'slow',
  'pause',
  'pause-gateway',
  'clock',
  'registry-and-crash',
]);

/**
 * Those of them in which gateways reach an owner, during the fault or right after it, before another that acted in its
 * place does: it may not have a key yet.
 */
export const PARTING: ReadonlySet<FaultName> = new Set(['partition', 'one-way', 'isolate', 'slow']);

/** One seed of so many is for restores, beside the chance of the others: so those keep the run that they had. */
const RESTORE_SHARE = 20;

/** What a seed has for its fault. */
export function faultOf(seed: number, random: Random): FaultName {
  const chosen = random.pick(CHOSEN);
  return seed % RESTORE_SHARE === RESTORE_SHARE - 1 ? RESTORE : chosen;
}

/** What a fault does: each step at a time after the phase begins; what it broke is whole again when the phase ends. */
export function inject(name: FaultName, context: FaultContext): void {
  FAULTS[name](new Scene(context));
}

/** What a node answers to a write that it has done begins with the version. */
const WRITE_REPLY = /^\+-?\d+ [\da-f]{24}\r/;

const FAULTS: Readonly<Record<FaultName, (scene: Scene) => void>> = {
  calm: () => undefined,

  crash: (scene) => {
    const at = scene.early;
    scene.crash(scene.node(), at, scene.random.between(SHORT_MS, scene.durationMs - at));
  },

  /** Dies in the moment in which it has answered a write, in half of the runs with all else that it has just sent. */
  'die-after-reply': (scene) => {
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

  'power-off': (scene) => {
    const node = scene.node();
    const at = scene.early;
    scene.at(at, `power off ${node.id}`, () => node.losePower());
    scene.at(at + scene.random.between(SHORT_MS, scene.durationMs - at), `power on ${node.id}`, () => node.powerOn());
  },

  pause: (scene) => {
    const node = scene.node();
    const at = scene.early;
    scene.at(at, `pause ${node.id}`, () => node.pause());
    scene.at(at + scene.random.between(50, scene.durationMs - at), `resume ${node.id}`, () => node.resume());
  },

  'pause-gateway': (scene) => {
    const { process } = scene.random.pick(scene.cluster.gateways);
    const at = scene.early;
    scene.at(at, `pause ${process.name}`, () => process.pause());
    scene.at(at + scene.random.between(50, scene.durationMs - at), `resume ${process.name}`, () => process.resume());
  },

  'crash-gateway': (scene) => {
    const gateway = scene.random.pick(scene.cluster.gateways);
    const at = scene.early;
    scene.at(at, `kill ${gateway.id}`, () => gateway.kill());
    scene.at(at + scene.random.between(SHORT_MS, scene.durationMs / 2), `start ${gateway.id}`, () => gateway.start());
  },

  leave: (scene) => {
    const node = scene.node();
    scene.at(scene.early, `leave ${node.id}`, () => node.leave());
    if (scene.random.chance(0.5)) scene.at(scene.durationMs, `start ${node.id}`, () => node.start());
  },

  /** Other shares of the slots: told while it runs, or brought along when it comes back after leaving or dying. */
  reweigh: (scene) => {
    const node = scene.node();
    const how = scene.random.pick(['tell', 'leave', 'kill'] as const);
    const at = scene.early;
    if (how !== 'tell') scene.at(at, `${how} ${node.id}`, () => node[how]());
    scene.reweigh(node, at);
    if (how !== 'tell') scene.restart(node, at + scene.random.between(SHORT_MS, scene.durationMs - at));
    if (scene.random.chance(0.5)) scene.reweigh(scene.other(node), scene.early);
  },

  join: (scene) => {
    for (const spare of scene.cluster.nodes.filter(({ isRunning }) => !isRunning)) {
      scene.at(scene.early, `start ${spare.id}`, () => spare.start());
    }
  },

  'rolling-restart': (scene) => {
    const { running, world } = scene.cluster;
    const restart = (i: number): void => {
      const node = running[i];
      if (node === undefined) return;
      node.leave();
      const again = (): void => {
        if (!node.isRunning) node.start();
        if (node.isReady && node.phase === 'up') restart(i + 1);
        else world.kernel.at(world.kernel.now + 100, undefined, 'fault', again);
      };
      world.kernel.at(world.kernel.now + 100, undefined, 'fault', again);
    };
    scene.at(scene.early / 4, 'rolling restart', () => restart(0));
  },

  'crash-in-handoff': (scene) => {
    const at = scene.early;
    const spare = scene.cluster.nodes.find(({ isRunning }) => !isRunning);
    if (spare !== undefined) scene.at(at, `start ${spare.id}`, () => spare.start());
    const victim = spare !== undefined && scene.random.chance(0.4) ? spare : scene.node();
    scene.crash(victim, at + scene.random.between(0, SHORT_MS), scene.random.between(SHORT_MS, scene.durationMs - at));
  },

  partition: (scene) => {
    const a = scene.node();
    const at = scene.early;
    scene.cut(a, scene.other(a), at, scene.random.between(50, scene.durationMs - at), true);
  },

  'one-way': (scene) => {
    const a = scene.node();
    const at = scene.early;
    scene.cut(a, scene.other(a), at, scene.random.between(50, scene.durationMs - at), false);
  },

  isolate: (scene) => {
    const a = scene.node();
    const at = scene.early;
    const ms = scene.random.between(50, scene.durationMs - at);
    for (const b of scene.cluster.running) if (b !== a) scene.cut(a, b, at, ms, true);
    if (scene.random.chance(0.5)) for (const gateway of scene.cluster.gateways) scene.cut(a, gateway, at, ms, true);
    if (scene.random.chance(0.5)) {
      const { registry } = scene.cluster.world;
      scene.at(at, `registry away from ${a.id}`, () => registry.cutOff(a.process, true));
      scene.at(at + ms, `registry back to ${a.id}`, () => registry.cutOff(a.process, false));
    }
  },

  'cut-gateway': (scene) => {
    const gateway = scene.random.pick(scene.cluster.gateways);
    const at = scene.early;
    scene.cut(scene.node(), gateway, at, scene.random.between(50, scene.durationMs - at), scene.random.chance(0.7));
  },

  reset: (scene) => {
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

  slow: (scene) => {
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

  'registry-refusing': (scene) => registryFault(scene, 'refusing'),
  'registry-silent': (scene) => registryFault(scene, 'silent'),
  'registry-stale': (scene) => {
    registryFault(scene, 'stale');
    scene.crash(scene.node(), scene.durationMs / 2, SHORT_MS);
  },

  'registry-wiped': (scene) => {
    const { registry } = scene.cluster.world;
    scene.at(scene.early, 'registry wiped', () => registry.wipe());
  },

  'registry-and-crash': (scene) => {
    const { registry } = scene.cluster.world;
    const at = scene.early / 2;
    scene.at(at, 'registry down', () => (registry.state = scene.random.pick(['refusing', 'silent'])));
    scene.crash(scene.node(), at + SHORT_MS, scene.random.between(SHORT_MS, scene.durationMs / 2));
    scene.at(scene.durationMs, 'registry up', () => (registry.state = 'up'));
  },

  clock: (scene) => {
    const { process } = scene.random.pick([...scene.cluster.running, ...scene.cluster.gateways]);
    const offsetMs = scene.random.pick([-120_000, -2000, -400, 400, 2000, 120_000]);
    scene.at(scene.early, `clock of ${process.name} off by ${offsetMs}`, () => process.setClock({ offsetMs, rate: 1 }));
    scene.at(scene.durationMs, `clock of ${process.name} right`, () => process.setClock({ offsetMs: 0, rate: 1 }));
  },

  ...DISK_FAULTS,

  flap: (scene) => {
    const node = scene.node();
    for (let at = scene.early / 4; at + 2000 < scene.durationMs; at += 4000) scene.crash(node, at, 2000);
  },
};

function registryFault(scene: Scene, state: 'refusing' | 'silent' | 'stale'): void {
  const { registry } = scene.cluster.world;
  const at = scene.early;
  scene.at(at, `registry ${state}`, () => (registry.state = state));
  scene.at(at + scene.random.between(SHORT_MS, scene.durationMs - at), 'registry up', () => (registry.state = 'up'));
}
