import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

const MIB = 2 ** 20;

/** What a process may use, in bytes. */
export interface MemoryLimits {
  /** Where its JavaScript heap ends, and the process with it: `--max-old-space-size` and a little more. */
  readonly heapBytes: number;
  /** The limit of its container (cgroup), or what the machine has. */
  readonly totalBytes: number;
}

/** The limits of this process. */
export function memoryLimits(): MemoryLimits {
  const machine = totalmem();
  const container = process.constrainedMemory();
  // Where there is no limit, the system says 0 or a number that no machine has.
  const totalBytes = container > 0 ? Math.min(container, machine) : machine;
  return { heapBytes: getHeapStatistics().heap_size_limit, totalBytes };
}

/**
 * Entries lie in the heap, and the collector needs room beside them: with values of 1 KiB a store of 0.9 of the heap dies,
 * one of 0.8 lives. The rest is for requests.
 */
const MOST_OF_HEAP = 0.75;
/** A process that is full of entries takes 2.2 to 3.3 times what is counted of them, and never less than twice. */
const MOST_OF_TOTAL = 0.5;
/** By default a full node leaves room for the pages of its files, which count as well. */
const DEFAULT_OF_TOTAL = 0.25;
const DEFAULT_OF_HEAP = 0.5;
const DEFAULT_BYTES = 256 * MIB;

/** The most bytes of entries that a process with these limits can hold at all. */
export function mostEntryBytes({ heapBytes, totalBytes }: MemoryLimits): number {
  return Math.floor(Math.min(heapBytes * MOST_OF_HEAP, totalBytes * MOST_OF_TOTAL));
}

/** The bytes of entries of a process that is not told how many: 256 MiB, or less where its limits are narrow. */
export function defaultEntryBytes({ heapBytes, totalBytes }: MemoryLimits): number {
  return Math.floor(Math.min(DEFAULT_BYTES, heapBytes * DEFAULT_OF_HEAP, totalBytes * DEFAULT_OF_TOTAL));
}
