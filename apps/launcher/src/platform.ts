import { join } from 'node:path';
import { LauncherError } from './errors.js';
import { MAX_PROCESSES_PER_ROLE } from './options.js';

/**
 * An aux locks its folder with a socket in it. Off Linux the name of a socket has 100 bytes at most, of which
 * `/.claim-lock-` and 16 digits are the lock's.
 */
const MAX_FOLDER_BYTES = 71;

/**
 * Refuses what no process could start on, before any is started.
 * @param platform as in `process.platform`
 * @param dataDir absolute; undefined: the aux have no disks
 * @throws LauncherError ERR_PLATFORM, ERR_DATA_DIR_UNUSABLE
 */
export function checkPlatform(platform: NodeJS.Platform, dataDir: string | undefined): void {
  if (platform === 'win32') {
    const text = 'the cluster runs on Linux and macOS: on Windows use WSL2, or docker compose up --build';
    throw new LauncherError('ERR_PLATFORM', text);
  }
  if (platform === 'linux' || dataDir === undefined) return;
  const longest = join('disk', `aux-${MAX_PROCESSES_PER_ROLE}`);
  const most = MAX_FOLDER_BYTES - Buffer.byteLength(longest) - 1;
  const bytes = Buffer.byteLength(dataDir);
  if (bytes <= most) return;
  const text = `the data directory ${dataDir} has a path of ${bytes} bytes, and this system takes at most ${most}: choose a shorter one with --data`;
  throw new LauncherError('ERR_DATA_DIR_UNUSABLE', text);
}
