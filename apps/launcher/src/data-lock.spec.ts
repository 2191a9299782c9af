import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentProcess, DataLock, isAlive } from './data-lock.js';

let parent: string;
let directory: string;
let path: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'dcs-lock-'));
  directory = join(parent, 'data');
  path = join(directory, 'launcher.lock.1');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function leaveBehind(content: unknown): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

/** A process that has ended and whose parent, a shell that became `sleep`, never waits for it. */
async function zombie(): Promise<{ readonly pid: number; readonly reap: () => Promise<void> }> {
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const isZombie = () => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  while (currentProcess().started !== '' && !isZombie()) await new Promise((resolve) => setTimeout(resolve, 5));
  const ended = once(parent, 'exit');
  return {
    pid,
    reap: async () => {
      parent.kill('SIGKILL');
      await ended;
    },
  };
}

describe('DataLock', () => {
  it('creates the directory, names its holder and leaves nothing behind', async () => {
    const lock = await DataLock.acquire(directory);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(currentProcess());
    expect(readdirSync(directory)).toEqual(['launcher.lock.1']);
    await lock.release();
    await lock.release();
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('is held by one at a time, and free again afterwards', async () => {
    const lock = await DataLock.acquire(directory);
    await expect(DataLock.acquire(directory)).rejects.toMatchObject({
      code: 'ERR_DATA_DIR_LOCKED',
      message: expect.stringMatching(`\\(pid ${process.pid}\\).*--data`),
    });
    await lock.release();
    await (await DataLock.acquire(directory)).release();
  });

  it('is given to one of many that come at once, released or left behind before', async () => {
    for (let round = 0; round < 30; round += 1) {
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => DataLock.acquire(directory)));
      const held = all.filter((result) => result.status === 'fulfilled');
      expect(held).toHaveLength(1);
      if (round % 2 === 1) await held[0]?.value.release();
      else writeFileSync(join(directory, readdirSync(directory)[0] ?? ''), '{"pid":0x');
      expect(readdirSync(directory)).toEqual([`launcher.lock.${round + 1}`]);
    }
  });

  it('takes over from a launcher that was killed', async () => {
    leaveBehind({ pid: await deadPid(), started: '' });
    await (await DataLock.acquire(directory)).release();
  });

  it('takes over from a launcher that has ended and that its parent has not waited for', async () => {
    const { pid, reap } = await zombie();
    try {
      if (currentProcess().started === '') return; // Only systems with /proc tell.
      expect(isAlive({ pid, started: '' })).toBe(false);
      leaveBehind({ pid, started: '' });
      await (await DataLock.acquire(directory)).release();
    } finally {
      await reap();
    }
  });

  it('takes over when the pid belongs to another process by now', async () => {
    if (currentProcess().started === '') return; // Only systems with /proc tell.
    leaveBehind({ pid: process.pid, started: 'another-boot/12345' });
    await (await DataLock.acquire(directory)).release();
  });

  it.each(['', '{', '[]', '{"pid":"x"}', 'null'])('takes over from a lock file that holds %j', async (content) => {
    leaveBehind(content);
    await (await DataLock.acquire(directory)).release();
  });

  it('does not touch a lock file that is no longer its own', async () => {
    const lock = await DataLock.acquire(directory);
    leaveBehind({ pid: process.pid, started: 'someone else' });
    await lock.release();
    expect(readFileSync(path, 'utf8')).toContain('someone else');
  });

  it('says when the directory cannot be used', async () => {
    writeFileSync(directory, 'a file');
    await expect(DataLock.acquire(directory)).rejects.toMatchObject({
      code: 'ERR_DATA_DIR_UNUSABLE',
      message: expect.stringMatching(/cannot use the data directory .*data: EEXIST; choose another with --data/),
    });
    if (process.getuid?.() === 0) return; // Root may write anywhere.
    chmodSync(parent, 0o500);
    await expect(DataLock.acquire(join(parent, 'x'))).rejects.toMatchObject({ code: 'ERR_DATA_DIR_UNUSABLE' });
    chmodSync(parent, 0o700);
  });
});

describe('isAlive', () => {
  it('knows the living from the dead', async () => {
    expect(isAlive(currentProcess())).toBe(true);
    expect(isAlive({ pid: 1, started: '' })).toBe(true);
    expect(isAlive({ pid: await deadPid(), started: '' })).toBe(false);
  });
});
