import { chmod, mkdir } from 'node:fs/promises';

/** For its owner alone: 0700 for directories, 0600 for files. */
const OTHERS_RIGHTS = 0o077;
const DIRECTORY_MODE = 0o700;

/**
 * From now on whatever this process and its children make is for its user alone, be it made by this program, a library or
 * a native addon. To be called before anything is written.
 */
export function keepFilesPrivate(): void {
  process.umask(OTHERS_RIGHTS);
}

/**
 * Makes a directory of this program's own that nobody else can look into, also where an earlier release has made it for
 * everybody to read. One that belongs to another user is left as it is.
 */
export async function privateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  await chmod(path, DIRECTORY_MODE).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error;
  });
}
