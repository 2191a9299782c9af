import type { ReadFrom } from '@dcs/master/routing/ports';
import type { Fault } from '../faults/fault.js';
import type { Streams } from '../kernel/streams.js';
import { Archive } from './archive.js';
import type { ClusterOptions } from './cluster.js';
import { chooseDisks, type DiskChoice } from './disks.js';

const MAX_SKEW_MS = 40;
/** One rack, one region, two far ones: with high latency more is under way when something breaks. */
const MAX_DELAYS_MS = [0.6, 0.6, 4, 25];
/** How many hints of a new view get lost: with all of them processes go by different views for a while. */
const HINT_LOSS = [0.1, 0.1, 0.5, 1];
/** Longer than any node stays away. */
const RECOVERY_WAIT_MS = 30_000;
/** Shorter than the one that is late does. */
const SHORT_RECOVERY_WAIT_MS = 1500;
const TOMBSTONE_RETENTION_MS = 3_600_000;
/** Shorter than a node with an old disk stays away, in most runs. */
const SHORT_TOMBSTONE_RETENTION_MS = 2000;
const ROOMY_ENTRIES = 200;
/** Entries that a node holds where memory is full, of its share. */
const FULL_SHARE = 0.6;

const PRIMARIES: readonly ReadFrom[] = ['primary', 'primary'];

export interface Shape {
  readonly cluster: ClusterOptions;
  /** Of a message on a healthy link, ms. */
  readonly maxDelayMs: number;
  readonly hintLoss: number;
}

/** What a seed has for its cluster; each choice has a stream of its own. */
export function shapeOf(
  streams: Streams,
  faults: readonly Fault[],
  keys: number,
  disks: DiskChoice | undefined,
): Shape {
  const pick = <T>(name: string, items: readonly T[]): T => streams.of(`shape ${name}`).pick(items);
  const has = (property: keyof Fault): boolean => faults.some((fault) => fault[property] !== undefined);
  const nodes = pick('nodes', [3, 3, 4, 5]);
  const replicas = pick('replicas', [2, 2, 2, 3]);
  const agesDisks = has('agesDisks');
  const cluster: ClusterOptions = {
    nodes,
    spares: Math.max(...faults.map(({ spares = 0 }) => spares)),
    gateways: 2,
    replicas,
    maxReplicas: has('changesReplicas') ? 3 : replicas,
    maxEntries: has('evicts') ? Math.ceil((FULL_SHARE * keys * replicas) / nodes) : ROOMY_ENTRIES,
    zones: pick('zones', [1, 1, 2]),
    weights: pick('weights', [[1], [1], [1, 2]]),
    readFrom: has('readsPrimaries')
      ? PRIMARIES
      : pick<readonly ReadFrom[]>('readFrom', [PRIMARIES, PRIMARIES, ['primary', 'any'], ['any', 'any']]),
    skewMs: pick('skew', [0, 5, MAX_SKEW_MS]),
    drift: 0.0002,
    tombstoneRetentionMs:
      agesDisks && pick('tombstones', [true, false]) ? SHORT_TOMBSTONE_RETENTION_MS : TOMBSTONE_RETENTION_MS,
    recoveryWaitMs: recoveryWaitOf(faults, pick),
    // Some seconds older is old where a run takes seconds.
    disks: chooseDisks(streams.of('disks'), has('disks'), disks, agesDisks),
    archive: has('backups') ? new Archive() : undefined,
  };
  return { cluster, maxDelayMs: pick('delay', MAX_DELAYS_MS), hintLoss: pick('hint loss', HINT_LOSS) };
}

function recoveryWaitOf(faults: readonly Fault[], pick: <T>(name: string, items: readonly T[]) => T): number {
  const waits = new Set(faults.map(({ recoveryWait }) => recoveryWait));
  if (waits.has('short')) return SHORT_RECOVERY_WAIT_MS;
  return waits.has('any') ? pick('recovery wait', [SHORT_RECOVERY_WAIT_MS, RECOVERY_WAIT_MS]) : RECOVERY_WAIT_MS;
}
