import type { Logger } from 'pino';
import { Disk } from './disk.js';
import type { NodeFolder } from './node-folder.js';

/** Opens the disk in a folder, which is given back when the disk is closed or cannot be opened. @throws DiskError */
export async function openDisk(options: {
  readonly folder: NodeFolder;
  readonly durability: 'interval' | 'always';
  readonly log: Logger;
}): Promise<Disk> {
  const { folder, durability, log } = options;
  const release = () => folder.lock.release();
  try {
    return await Disk.open({ directory: folder.path, durability, now: Date.now, log, release });
  } catch (error) {
    await release();
    throw error;
  }
}
