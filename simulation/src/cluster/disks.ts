import type { Random } from '../kernel/random.js';

export const DISK_CHOICES = ['none', 'interval', 'always'] as const;
/** Whether nodes have disks, and how safe a write is on them when it is acknowledged. */
export type DiskChoice = (typeof DISK_CHOICES)[number];

/** The disks of a run: one on every node. */
export interface DiskOptions {
  readonly durability: 'interval' | 'always';
  /** From a change until it is written. */
  readonly writeMs: number;
  /** How long a load takes. */
  readonly loadMs: number;
  /** Between two syncs, and two checkpoints, unless it is as long as on a real disk. */
  readonly syncMs?: number;
  readonly checkpointMs?: number;
}

/** Share of the runs with disks, where the fault does not ask for them. */
const DISK_SHARE = 0.3;
const WRITE_MS = [0.2, 2, 30];
const LOAD_MS = [0, 20, 400];
const FAST_SYNC_MS = 200;

/**
 * @param choice default: by chance, but `isNeeded`
 * @param isFast they note much more often than a real disk that their node lives
 */
export function chooseDisks(
  random: Random,
  isNeeded: boolean,
  choice: DiskChoice | undefined,
  isFast: boolean,
): DiskOptions | undefined {
  const has = random.chance(DISK_SHARE) || isNeeded;
  const durability = choice ?? (has ? random.pick(['interval', 'always'] as const) : 'none');
  if (durability === 'none') return undefined;
  const options = { durability, writeMs: random.pick(WRITE_MS), loadMs: random.pick(LOAD_MS) };
  return isFast ? { ...options, syncMs: FAST_SYNC_MS, checkpointMs: FAST_SYNC_MS } : options;
}
