import { totalmem } from 'node:os';

/** What each aux takes by itself of the memory that it may use, as if it were alone: a quarter, 256 MiB at most. */
const PART = 1 / 4;
const MOST_BYTES = 2 ** 28;
/** The least that an aux accepts. */
const LEAST_BYTES = 2 ** 20;

/** What the processes of this machine, or of this container, may use together, in bytes. */
function machineBytes(): number {
  const container = process.constrainedMemory();
  return container > 0 ? Math.min(container, totalmem()) : totalmem();
}

/**
 * DCS_MAX_BYTES for each of `aux` nodes that share one memory; undefined where each can have what it takes by itself.
 * @param total bytes that they share
 */
export function memoryShare(aux: number, total: number = machineBytes()): string | undefined {
  const share = Math.floor((total * PART) / Math.max(aux, 1));
  return share >= MOST_BYTES ? undefined : String(Math.max(share, LEAST_BYTES));
}
