import type { Logger } from 'pino';
import { Disk } from './disk.js';
import type { NodeFolder } from './node-folder.js';

/** Opens the disk in a folder, which is given back when the disk is closed or cannot be opened. @throws DiskError */
export async function openDisk(options: {
  readonly folder: NodeFolder;
  readonly durability: 'interval' | 'always';
  /** The cluster's time, ms since the Unix epoch. */
  readonly now: () => number;
  readonly log: Logger;
}): Promise<Disk> {
  const { folder, durability, now, log } = options;
  const release = () => folder.lock.release();
  try {
    return await Disk.open({ directory: folder.path, durability, now, log, release });
  } catch (error) {
    await release();
    throw error;
  }
}
