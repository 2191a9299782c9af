import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isAlive } from './data-lock.js';

const PRELOAD = pathToFileURL(join(__dirname, '../bin/exit-with-parent.js')).href;
const CHILD = `
const { writeFileSync } = require('node:fs');
process.on('SIGTERM', () => {
  if (process.env.DEAF) return;
  console.log('draining'); // nobody reads this any more
  setTimeout(() => { writeFileSync(process.env.NOTES, 'drained'); process.exit(0); }, 100);
});
setInterval(() => {}, 1000);
console.log('up');
`;
const PARENT = `
const { spawn } = require('node:child_process');
const child = spawn(process.execPath, ['--import', process.env.PRELOAD, process.env.CHILD], {
  stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true,
});
child.stdout.once('data', () => process.stdout.write(String(child.pid))); // console.log may colour a number
`;

let directory: string;
let notes: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dcs-parent-'));
  notes = join(directory, 'notes');
  writeFileSync(join(directory, 'child.js'), CHILD);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Starts a parent with a child, kills the parent with SIGKILL and gives the child's pid. */
async function orphan(environment: Record<string, string>): Promise<number> {
  const parent = spawn(process.execPath, ['-e', PARENT], {
    env: { ...process.env, PRELOAD, CHILD: join(directory, 'child.js'), NOTES: notes, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive({ pid, started: '' })).toBe(true);
  parent.kill('SIGKILL');
  return pid;
}

async function untilDead(pid: number): Promise<void> {
  for (const end = Date.now() + 8_000; isAlive({ pid, started: '' }); ) {
    if (Date.now() > end) throw new Error(`process ${pid} outlives its parent`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('exit-with-parent', () => {
  it('drains when the launcher has been killed', async () => {
    await untilDead(await orphan({}));
    expect(readFileSync(notes, 'utf8')).toBe('drained');
  });

  it('ends in the end, even if it does not drain', async () => {
    await untilDead(await orphan({ DEAF: '1', DCS_SHUTDOWN_TIMEOUT_MS: '0' }));
    expect(existsSync(notes)).toBe(false);
  });

  it('does not keep alive a process that has finished, and does nothing without a channel', async () => {
    for (const stdio of [['ignore', 'ignore', 'inherit', 'ipc'] as const, ['ignore', 'ignore', 'inherit'] as const]) {
      const child = spawn(process.execPath, ['--import', PRELOAD, '-e', '0'], { stdio: [...stdio] });
      expect(await once(child, 'exit')).toEqual([0, null]);
    }
  });
});
