import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_DIRECTORY, PRIVATE_FILE } from './private-files.js';

const NAME = 'changes';

/**
 * A hint between processes: a file whose text differs after every change. Watchers are told by the file system, and
 * by polling where it says nothing.
 */
export class ChangeFile {
  readonly #directory: string;
  readonly #path: string;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last = '';
  #reading = false;
  #again = false;
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, NAME);
  }

  /** Best effort: whoever misses it learns of the change with its next heartbeat. */
  async touch(text: string): Promise<void> {
    await writeFile(this.#path, text, PRIVATE_FILE).catch(() => undefined);
  }

  async watch(onChange: () => void, pollMs: number): Promise<void> {
    await mkdir(this.#directory, PRIVATE_DIRECTORY);
    this.#last = await this.#read();
    if (this.#closed) return;
    const look = (): void => void this.#look(onChange);
    this.#timer = setInterval(look, pollMs).unref();
    try {
      this.#watcher = watch(this.#directory, { persistent: false }, (_, name) => {
        if (name === NAME || name === null) look();
      });
      this.#watcher.on('error', () => this.#watcher?.close()); // polling goes on
    } catch {
      this.#watcher = undefined; // out of watches: polling alone
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  async #look(onChange: () => void): Promise<void> {
    if (this.#reading) {
      this.#again = true; // the reading under way may have come too early
      return;
    }
    this.#reading = true;
    let text: string;
    do {
      this.#again = false;
      text = await this.#read();
    } while (this.#again && !this.#closed);
    this.#reading = false;
    if (this.#closed || text === this.#last || text === '') return;
    this.#last = text;
    onChange();
  }

  async #read(): Promise<string> {
    return readFile(this.#path, 'utf8').catch(() => '');
  }
}
