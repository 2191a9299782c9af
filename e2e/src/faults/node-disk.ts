import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a node of a cluster in `dataDir` keeps its entries. */
export function diskOf(dataDir: string, id: string): string {
  return join(dataDir, 'disk', id);
}

/** Everything that a node had on disk is gone. */
export async function wipe(dataDir: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) await rm(diskOf(dataDir, id), { recursive: true, force: true });
}

export interface FoundFile {
  readonly path: string;
  readonly bytes: number;
}

/** The files in a folder, and in the folders in it; without those that a running node removes or renames meanwhile. */
export async function filesIn(folder: string): Promise<FoundFile[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(paths.map(fileAt));
  return found.filter((file) => file !== undefined);
}

async function fileAt(path: string): Promise<FoundFile | undefined> {
  try {
    return { path, bytes: (await stat(path)).size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Flips a bit behind each place where `needle` stands in the files of a folder, every `step`-th of them.
 * @returns how many
 */
export async function flipBehind(folder: string, needle: string, step: number): Promise<number> {
  let flipped = 0;
  for (const { path } of await filesIn(folder)) {
    const content = await readFile(path);
    let found = 0;
    for (let at = content.indexOf(needle); at >= 0; at = content.indexOf(needle, at + needle.length)) {
      if (found++ % step !== 0) continue;
      const target = at + needle.length + 1;
      if (target >= content.length) continue;
      content[target]! ^= 1;
      flipped++;
    }
    if (found > 0) await writeFile(path, content);
  }
  return flipped;
}

/** Flips a bit at every `step`-th byte of a file. */
export async function flipEvery(path: string, step: number): Promise<void> {
  const content = await readFile(path);
  for (let at = Math.floor(step / 2); at < content.length; at += step) content[at]! ^= 1;
  await writeFile(path, content);
}
