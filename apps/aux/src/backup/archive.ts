import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { type BackupFiles, codeOf } from './backup-files.js';
import { BackupError } from './errors.js';
import { FileReader } from './file-reader.js';
import { FILE_SUFFIX, type FileFoot, type FileHead, TEMPORARY_SUFFIX } from './format.js';

/** A backup file as it lies in the directory. */
export interface BackupFile {
  readonly path: string;
  /** Name of the folder of the node that wrote it. */
  readonly folder: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** By its head; by its name where it cannot be read. ms since the Unix epoch. */
  readonly createdAt: number;
  /** The same of the view at its beginning. */
  readonly epoch: number;
  readonly head: FileHead | undefined;
  /** Only a file that has one is complete. */
  readonly foot: FileFoot | undefined;
  /** The slots that it has whole, one bit each, in 2048 bytes. */
  readonly slots: Uint8Array;
  /** Why it cannot be read: damage, a later format, or what the disk says. */
  readonly problem: Error | undefined;
}

export interface ArchiveOptions {
  readonly disk: BackupFiles;
  /** The backup directory, shared by all nodes of all clusters. */
  readonly directory: string;
}

type Known = Map<string, { readonly stamp: string; readonly file: BackupFile }>;

const NAME = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3}Z)-(\d{1,16})\.dcsb$/;
const SAFE = /^[A-Za-z0-9._-]$/;
/** Bytes of a folder's name: file systems take 255. */
const MAX_FOLDER_BYTES = 200;
const NO_SLOTS = new Uint8Array(SLOT_COUNT / 8);

/** `<directory>/<cluster>/<node>/<time>-<epoch>.dcsb`: what there is, and what it says of itself. */
export class Archive {
  readonly directory: string;
  readonly #disk: BackupFiles;
  /** What files said of themselves; they never change once they have their name. */
  #known: Known = new Map();

  constructor({ disk, directory }: ArchiveOptions) {
    this.directory = directory;
    this.#disk = disk;
  }

  folderOf(cluster: string, node: string): string {
    return join(this.directory, folderName(cluster), folderName(node));
  }

  /** Names of the clusters' folders. */
  async clusters(): Promise<string[]> {
    return this.#folders(this.directory);
  }

  /** Names of the folders of a cluster's nodes. */
  async nodes(clusterFolder: string): Promise<string[]> {
    return this.#folders(join(this.directory, clusterFolder));
  }

  /** Every file of a cluster, complete or not, the newest first. @throws what the disk says of a folder */
  async files(clusterFolder: string): Promise<BackupFile[]> {
    const files: BackupFile[] = [];
    const known: Known = new Map();
    for (const folder of await this.nodes(clusterFolder)) {
      const path = join(this.directory, clusterFolder, folder);
      for (const { name, isDirectory } of await this.#disk.list(path)) {
        if (isDirectory || !name.endsWith(FILE_SUFFIX)) continue;
        const file = await this.#describe(path, folder, name, known);
        if (file !== undefined) files.push(file);
      }
    }
    this.#known = known;
    return files.sort((a, b) => b.createdAt - a.createdAt || b.epoch - a.epoch || (a.path < b.path ? 1 : -1));
  }

  /** Removes what writers that are gone have left in a folder: unfinished files not changed since `before`. */
  async removeLeftovers(folder: string, before: number): Promise<void> {
    for (const { name, isDirectory } of await this.#disk.list(folder)) {
      if (isDirectory || !name.endsWith(TEMPORARY_SUFFIX)) continue;
      const path = join(folder, name);
      const { mtimeMs } = await this.#disk.stat(path).catch(() => ({ mtimeMs: Infinity }));
      if (mtimeMs < before) await this.#disk.remove(path);
    }
  }

  /** `undefined` when somebody has removed it meanwhile. */
  async #describe(path: string, folder: string, name: string, known: Known): Promise<BackupFile | undefined> {
    const whole = join(path, name);
    let size = 0;
    try {
      const stat = await this.#disk.stat(whole);
      size = stat.size;
      const stamp = `${stat.size} ${stat.mtimeMs}`;
      const before = this.#known.get(whole);
      const file = before?.stamp === stamp ? before.file : await this.#read(whole, folder, name, size);
      known.set(whole, { stamp, file });
      return file;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      const ends = { head: undefined, foot: undefined, slots: NO_SLOTS };
      return { path: whole, folder, name, size, ...parseName(name), ...ends, problem: error as Error };
    }
  }

  async #read(path: string, folder: string, name: string, size: number): Promise<BackupFile> {
    let reader: FileReader;
    try {
      reader = await FileReader.open(this.#disk, path);
    } catch (error) {
      // Only what will be the same next time is remembered.
      if (!(error instanceof BackupError) || error.code === 'ERR_BACKUP_TIMEOUT') throw error;
      const ends = { head: undefined, foot: undefined, slots: NO_SLOTS };
      return { path, folder, name, size, ...parseName(name), ...ends, problem: error };
    }
    await reader.close();
    const { head, foot } = reader;
    const slots = foot === undefined ? NO_SLOTS : Buffer.from(foot.slots, 'base64');
    const { createdAt, epoch } = head;
    return { path, folder, name, size, createdAt, epoch, head, foot, slots, problem: undefined };
  }

  async #folders(path: string): Promise<string[]> {
    const entries = await this.#disk.list(path);
    return entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort(); // prettier-ignore
  }
}

/** Sorts by time. @param createdAt ms since the Unix epoch */
export function fileName(createdAt: number, epoch: number): string {
  return `${new Date(createdAt).toISOString().replaceAll(':', '-')}-${epoch}`;
}

function parseName(name: string): { createdAt: number; epoch: number } {
  const match = NAME.exec(name);
  const createdAt = match === null ? NaN : Date.parse(`${match[1]}${match[2]}:${match[3]}:${match[4]}`);
  return Number.isNaN(createdAt) ? { createdAt: 0, epoch: 0 } : { createdAt, epoch: Number(match![5]) };
}

/** A name for a folder, one for each id; what file systems might read otherwise is percent-encoded. */
export function folderName(id: string): string {
  let name = '';
  for (const byte of Buffer.from(id, 'utf8')) {
    const character = String.fromCharCode(byte);
    name += SAFE.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }
  if (name.startsWith('.')) name = `%2e${name.slice(1)}`;
  if (name.length <= MAX_FOLDER_BYTES) return name;
  return `${name.slice(0, MAX_FOLDER_BYTES - 41)}-${createHash('sha1').update(id).digest('hex')}`;
}
