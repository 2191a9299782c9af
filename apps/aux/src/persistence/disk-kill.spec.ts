import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DiskFolder, newStore, START } from '../../test/disk-folder.js';
import { valueOf } from '../node/entry.js';

const folder = new DiskFolder();
afterAll(() => folder.close());

const SCRIPT = join(__dirname, '../../test/disk-writer.ts');
const NODE_ARGUMENTS = ['--conditions=@dcs/source', '--import', '@swc-node/register/esm-register'];
const ROUNDS = 4;

/** Runs a writer for a while, kills it, and returns what it said: the last version of each key. */
async function writeAndKill(
  directory: string,
  durability: string,
  first: number,
  ms: number,
): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, SCRIPT, directory, durability, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    // From the first acknowledgement on, so that a slow machine has something to lose too.
    output += chunk.toString();
    if (output.includes(' ')) timer ??= setTimeout(() => child.kill('SIGKILL'), ms);
  });
  await new Promise((resolve) => child.once('close', resolve));
  const lines = output.split('\n').slice(1, -1); // the last may be torn
  return new Map(lines.map((line) => line.split(' ')).map(([key, n]) => [key!, Number(n)]));
}

test.each(['interval', 'always'])(
  'with %s, nothing that was acknowledged is lost when the process is killed',
  async (durability) => {
    const directory = folder.directory();
    const acknowledged = new Map<string, number>();
    let first = 1;
    for (let round = 0; round < ROUNDS; round++) {
      const said = await writeAndKill(directory, durability, first, 50 + round * 450);
      expect(said.size).toBeGreaterThan(0);
      for (const [key, n] of said) acknowledged.set(key, n);
      first = Math.max(...acknowledged.values()) + 1000;
      const disk = await folder.open(folder.copy(directory));
      const store = newStore();
      await disk.load(store);
      expect(disk.damaged).toBe(0);
      for (const [key, n] of acknowledged) {
        const entry = store.lookup(key);
        expect(entry?.ms).toBeGreaterThanOrEqual(START + n);
        if (entry?.kind === 's') expect(valueOf(entry)).toBe(`value-${entry.ms - START}`);
      }
      await disk.close();
    }
  },
  180_000,
);
