import { writeSync } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';

/** A file that is only appended to. */
export interface JournalFile {
  /** Appends all of it, or rejects. */
  write(bytes: Buffer): Promise<void>;
  /** The same before it returns, or throws: for a few bytes far cheaper than the way through another thread. */
  writeNow(bytes: Buffer): void;
  /** Resolves when all that was written would survive a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file system, as the journal needs it. */
export interface JournalFiles {
  /** A new, empty file; it must not exist. */
  create(path: string): Promise<JournalFile>;
  read(path: string): Promise<Buffer>;
  /** Names in a directory. */
  list(directory: string): Promise<string[]>;
  /** Also when it does not exist. */
  remove(path: string): Promise<void>;
  /** Makes new names in the directory survive a power cut. */
  syncDirectory(directory: string): Promise<void>;
}

export const nodeFiles: JournalFiles = {
  async create(path) {
    const handle = await open(path, 'ax');
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.length; ) {
          at += (await handle.write(bytes, at, bytes.length - at, null)).bytesWritten;
        }
      },
      writeNow(bytes) {
        for (let at = 0; at < bytes.length; ) at += writeSync(handle.fd, bytes, at, bytes.length - at, null);
      },
      sync: () => handle.datasync(),
      close: () => handle.close(),
    };
  },
  read: (path) => readFile(path),
  list: (directory) => readdir(directory),
  remove: (path) => rm(path, { force: true }),
  async syncDirectory(directory) {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
