import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FileRegistry } from './file-registry.js';

const WORKER = resolve(__dirname, '../test/registry-worker.ts');
const IDS = ['a', 'b', 'c', 'd'];

jest.setTimeout(60_000);

test('several processes share a directory, and kill -9 of any of them at any point harms none', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'registry-kill-'));
  const seen = new Map<number, string>(); // epoch -> members, as any process saw it
  const faults: string[] = [];
  let lines = 0;

  const start = (id: string, incarnation: number): ChildProcess => {
    const args = ['--import', '@swc-node/register/esm-register', WORKER, directory, id, `${incarnation}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    let last = 0;
    child.stdout!.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop()!;
      for (const line of parts) {
        lines++;
        const [epoch, members = ''] = line.split(' ');
        if (Number(epoch) < last) faults.push(`${id}: epoch fell from ${last} to ${epoch}`);
        last = Number(epoch);
        if ((seen.get(last) ?? members) !== members) faults.push(`epoch ${epoch}: ${seen.get(last)} and ${members}`);
        seen.set(last, members);
      }
    });
    child.stderr!.on('data', (chunk: Buffer) => faults.push(`${id}: ${chunk.toString()}`));
    return child;
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  const everybody = (...members: string[]): (() => boolean) => {
    return () => seen.get(Math.max(0, ...seen.keys())) === members.join(',');
  };

  const children = IDS.map((id) => start(id, 1));
  await soon(everybody('a:1', 'b:1', 'c:1', 'd:1'));
  // Each of three dies at some point of a heartbeat and comes back; "d" lives through it all.
  for (let i = 0; i < 3; i++) {
    const before = lines;
    await soon(() => lines > before + 20 * (i + 1));
    await kill(children[i]!);
    children[i] = start(IDS[i]!, 2);
  }
  await soon(everybody('a:2', 'b:2', 'c:2', 'd:1'));
  await Promise.all(children.map(kill));

  const registry = new FileRegistry({ directory });
  const { epoch, members } = await registry.read('c');
  // A lease that ran out on a busy machine may have made one more view, which nobody lived to tell of.
  expect(epoch).toBeGreaterThanOrEqual(Math.max(...seen.keys()));
  const shown = members.map(({ id, incarnation }) => `${id}:${incarnation}`).join(',');
  expect(shown).toBe(seen.get(epoch) ?? shown);
  expect(shown).not.toBe('');
  expect(registry.corruptions).toBe(0);
  await registry.close();
  expect(faults).toEqual([]);
  await rm(directory, { recursive: true });
});

async function soon(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((done) => setTimeout(done, 10));
  if (!condition()) throw new Error(`did not happen in 20 s: ${condition.toString()}`);
}
