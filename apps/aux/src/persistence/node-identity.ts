import type { AuxConfig } from '../config/config.js';
import { claimFolder, type NodeFolder } from './node-folder.js';

/** Who this node is, and where its entries are. */
export interface NodeIdentity {
  /** With the id of the folder when none was given. */
  readonly config: AuxConfig;
  /** Undefined: in memory only. */
  readonly folder: NodeFolder | undefined;
}

/**
 * Takes the node's folder where it has a disk, and its id from it where it was given none.
 * @throws DiskError ERR_DISK_LOCKED, ERR_DISK_DIRECTORY
 */
export async function resolveIdentity(config: AuxConfig): Promise<NodeIdentity> {
  if (config.dataDir === undefined) return { config, folder: undefined };
  const folder = await claimFolder(config.dataDir, config.idIsGiven ? config.id : undefined);
  return { config: Object.freeze({ ...config, id: folder.id }), folder };
}
