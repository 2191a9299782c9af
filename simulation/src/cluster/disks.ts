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
}

/** Share of the runs with disks, where the fault does not ask for them. */
const DISK_SHARE = 0.3;
const WRITE_MS = [0.2, 2, 30];
const LOAD_MS = [0, 20, 400];

/** @param choice default: by chance, but `isNeeded` */
export function chooseDisks(
  random: Random,
  isNeeded: boolean,
  choice: DiskChoice | undefined,
): DiskOptions | undefined {
  const has = random.chance(DISK_SHARE) || isNeeded;
  const durability = choice ?? (has ? random.pick(['interval', 'always'] as const) : 'none');
  if (durability === 'none') return undefined;
  return { durability, writeMs: random.pick(WRITE_MS), loadMs: random.pick(LOAD_MS) };
}
