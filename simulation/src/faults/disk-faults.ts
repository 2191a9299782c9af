import type { AuxHost } from '../cluster/aux-host.js';
import type { Fault } from './fault.js';
import { type Scene, SHORT_MS } from './scene.js';

/** Between the first and the last of those that are killed at once, in half of the runs. */
const SPREAD_MS = 40;
/**
 * How much older an old disk is than the others: clearly less than deletes are remembered, where that is short, or
 * clearly more. In between a delete may be forgotten while its node waits for the one with the old disk.
 */
const LITTLE_OLDER_MS = 1000;
const MUCH_OLDER_MS = 2600;
/** Ready to serve again after the loss of every process, as a rule. */
const RECOVERY_MS = 4000;

/** Of runs in which every node has a disk. */
export const DISK_FAULTS = {
  'kill-all': {
    disks: true,
    loses: 'all',
    inject: (scene) => {
      const at = scene.early;
      killTogether(scene, scene.cluster.running, at);
      if (scene.random.chance(0.3))
        killTogether(scene, scene.cluster.running, at + scene.random.between(SHORT_MS, RECOVERY_MS));
    },
  },

  /** As many as a slot has copies; the others live. */
  'kill-owners': {
    disks: true,
    loses: 'all',
    inject: (scene) => {
      const { running, options } = scene.cluster;
      killTogether(scene, scene.random.shuffled(running).slice(0, options.replicas), scene.early);
    },
  },

  /** One is back only when the others have gone on without it. */
  'kill-all-one-late': {
    disks: true,
    loses: 'all',
    recoveryWait: 'short',
    inject: (scene) => {
      const [late, ...others] = scene.random.shuffled(scene.cluster.running);
      const at = scene.early / 4;
      scene.at(at + scene.random.float() * SPREAD_MS, `kill ${late!.id}`, () => late!.kill());
      killTogether(scene, others, at, SHORT_MS);
      scene.at(scene.durationMs, `start ${late!.id}`, () => late!.start());
    },
  },

  'power-cut': {
    disks: true,
    loses: 'all',
    inject: (scene) => {
      const { running } = scene.cluster;
      const at = scene.early;
      scene.at(at, 'power cut', () => {
        lost(scene, scene.losses.memory, scene.losses.power);
        for (const node of running) node.losePower();
      });
      for (const node of running) scene.at(backAt(scene, at), `power on ${node.id}`, () => node.powerOn());
    },
  },

  wipe: {
    disks: true,
    loses: 'one',
    inject: (scene) => {
      const node = scene.node();
      const at = scene.early;
      wipeWhileDown(scene, node, at);
      scene.at(backAt(scene, at), `start ${node.id}`, () => node.start());
    },
  },

  'wipe-and-kill-all': {
    disks: true,
    loses: 'all',
    inject: (scene) => {
      const node = scene.node();
      const at = scene.early;
      killTogether(scene, scene.cluster.running, at);
      scene.at(at + SPREAD_MS, `wipe ${node.id}`, () => node.platter.wipe());
    },
  },

  /** Its keys go on without it; in half of the runs all others are killed before it is back, so that it is one of all. */
  'old-disk': {
    disks: true,
    loses: 'all',
    agesDisks: true,
    inject: (scene) => {
      const node = scene.node();
      const others = scene.cluster.running.filter((other) => other !== node);
      const at = scene.early / 4;
      scene.at(at, `kill ${node.id}`, () => node.kill());
      if (scene.random.chance(0.5)) {
        scene.at(scene.durationMs, `start ${node.id}`, () => node.start());
        return;
      }
      const longer = Math.max(MUCH_OLDER_MS, scene.durationMs - at);
      const olderBy = scene.random.chance(0.5)
        ? scene.random.between(SHORT_MS, LITTLE_OLDER_MS)
        : scene.random.between(MUCH_OLDER_MS, longer);
      const killAt = at + olderBy;
      kill(scene, others, killAt);
      const endAt = killAt + SPREAD_MS + scene.random.between(10, Math.max(SHORT_MS, scene.durationMs - killAt));
      for (const each of [node, ...others]) {
        scene.at(endAt + scene.random.between(0, SHORT_MS), `start ${each.id}`, () => each.start());
      }
    },
  },

  /** All are killed, all disks are gone, and there are backups; up to two that were not there before join. */
  restore: {
    disks: true,
    loses: 'all',
    backups: true,
    spares: 2,
    recoveryWait: 'any',
    weight: 2,
    inject: (scene) => {
      const { running, nodes } = scene.cluster;
      const at = scene.early;
      const spreadMs = scene.random.chance(0.5) ? SPREAD_MS : 0;
      for (const node of running) {
        scene.at(at + scene.random.float() * spreadMs, `kill ${node.id}, wipe its disk`, () => node.loseDisk());
      }
      scene.at(at + spreadMs, 'all are gone', () => lost(scene, scene.losses.memory));
      for (const node of running) scene.at(backAt(scene, at), `start ${node.id}`, () => node.start());
      for (const node of nodes.filter((each) => !running.includes(each))) {
        if (scene.random.chance(0.7)) scene.at(backAt(scene, at), `start ${node.id}`, () => node.start());
      }
    },
  },

  /** Nothing can be written, on one node or on all; in some runs one of them dies with what it could not write. */
  'disk-refusing': {
    disks: true,
    loses: 'one',
    inject: (scene) => {
      const { running } = scene.cluster;
      const node = scene.node();
      const nodes = scene.random.chance(0.7) ? [node] : running;
      const at = scene.early;
      const ms = scene.random.between(SHORT_MS, scene.durationMs - at);
      for (const { id, platter } of nodes) {
        scene.at(at, `disk of ${id} refuses`, () => (platter.failure = 'ENOSPC'));
        scene.at(at + ms, `disk of ${id} takes writes`, () => (platter.failure = undefined));
      }
      if (scene.random.chance(0.3)) scene.crash(node, at + scene.random.between(0, ms), SHORT_MS);
    },
  },
} satisfies Readonly<Record<string, Fault>>;

/** Kills them in one moment or one shortly after the other; they come back one by one. */
function killTogether(scene: Scene, nodes: readonly AuxHost[], at: number, withinMs?: number): void {
  kill(scene, nodes, at);
  for (const node of nodes) {
    scene.at(backAt(scene, at + SPREAD_MS, withinMs), `start ${node.id}`, () => node.start());
  }
}

function kill(scene: Scene, nodes: readonly AuxHost[], at: number): void {
  const spreadMs = scene.random.chance(0.5) ? SPREAD_MS : 0;
  for (const node of nodes) {
    scene.at(at + scene.random.float() * spreadMs, `kill ${node.id}`, () => node.kill());
  }
  scene.at(at + spreadMs, 'all are gone', () => lost(scene, scene.losses.memory));
}

function wipeWhileDown(scene: Scene, node: AuxHost, at: number): void {
  scene.at(at, `kill ${node.id}`, () => node.kill());
  scene.at(at + 1, `wipe ${node.id}`, () => node.platter.wipe());
}

/** Soon, or late in the phase. */
function backAt(scene: Scene, at: number, withinMs = scene.durationMs - at): number {
  const longest = scene.random.chance(0.5) ? SHORT_MS : withinMs;
  return at + SPREAD_MS + scene.random.between(10, Math.max(SHORT_MS, longest));
}

function lost(scene: Scene, ...lists: readonly number[][]): void {
  for (const list of lists) list.push(scene.cluster.world.kernel.now);
}
