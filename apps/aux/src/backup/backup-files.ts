import { type FileHandle, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { privateDirectory } from '@dcs/environment';
import { BackupError } from './errors.js';

/** An open file. Positions and sizes are in bytes. */
export interface OpenFile {
  /** Reads until the buffer is full or the file ends; returns how much it was. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of it. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Returns when what was written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The part of a file system that backups need. Every call settles; errors are the system's (`ENOSPC`, `EACCES`, ...). */
export interface BackupFiles {
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory; empty when there is none. */
  list(path: string): Promise<readonly { readonly name: string; readonly isDirectory: boolean }[]>;
  stat(path: string): Promise<{ readonly size: number; readonly mtimeMs: number }>;
  /** `create`: anew, and empty. */
  open(path: string, mode: 'read' | 'create'): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** Without an error when there is no such file. */
  remove(path: string): Promise<void>;
  /** Only when it is empty; without an error when it is not. */
  removeDirectory(path: string): Promise<void>;
  /** Returns when the names in the directory are on the disk. */
  syncDirectory(path: string): Promise<void>;
}

/** How long one call may take: a network file system whose server is gone never answers. */
const TIMEOUT_MS = 60_000;

export const systemFiles: BackupFiles = {
  makeDirectory: async (path) => void (await within(`make ${path}`, privateDirectory(path))),
  async list(path) {
    try {
      const entries = await within(`list ${path}`, readdir(path, { withFileTypes: true }));
      return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  },
  stat: (path) => within(`look at ${path}`, stat(path)),
  async open(path, mode) {
    const opening = open(path, mode === 'read' ? 'r' : 'w');
    try {
      return new SystemFile(path, await within(`open ${path}`, opening));
    } catch (error) {
      opening.then((handle) => handle.close()).catch(() => undefined); // if it comes after all
      throw error;
    }
  },
  rename: (from, to) => within(`rename ${from}`, rename(from, to)),
  remove: (path) => within(`remove ${path}`, rm(path, { force: true })),
  async removeDirectory(path) {
    try {
      await within(`remove ${path}`, rmdir(path));
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
    }
  },
  async syncDirectory(path) {
    const handle = await within(`open ${path}`, open(path, 'r'));
    try {
      await within(`sync ${path}`, handle.sync());
    } catch (error) {
      // Some network file systems cannot sync a directory; they do it by themselves.
      if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    } finally {
      await handle.close().catch(() => undefined);
    }
  },
};

export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}

class SystemFile implements OpenFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const reading = this.#handle.read(into, done, into.length - done, position + done);
      const { bytesRead } = await within(`read ${this.#path}`, reading);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const writing = this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += (await within(`write ${this.#path}`, writing)).bytesWritten;
    }
  }

  sync(): Promise<void> {
    return within(`sync ${this.#path}`, this.#handle.sync());
  }

  close(): Promise<void> {
    return within(`close ${this.#path}`, this.#handle.close());
  }
}

/** @throws BackupError ERR_BACKUP_TIMEOUT */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new BackupError('ERR_BACKUP_TIMEOUT', `could not ${what} within ${TIMEOUT_MS / 1000} s`)),
      TIMEOUT_MS,
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
