import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryLock } from './directory-lock.js';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'dcs-lock-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A socket whose process was killed: this listens in a process, and kills that. */
async function deadSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await new Promise((resolve) => spawn(process.execPath, ['-e', script]).once('exit', resolve));
}

const refused = { code: 'ERR_DISK_LOCKED' };

test('a held folder is refused, and free again when it is released', async () => {
  const lock = await DirectoryLock.acquire(directory);
  await expect(DirectoryLock.acquire(directory)).rejects.toMatchObject(refused);
  await expect(DirectoryLock.acquire(directory)).rejects.toThrow(`${directory} is in use by another process; stop`);
  await lock.release();
  await lock.release();
  expect(readdirSync(directory)).toEqual([]);
  await (await DirectoryLock.acquire(directory)).release();
});

test('a lock whose holder was killed is taken over, and removed', async () => {
  await deadSocket(join(directory, 'lock-0123'));
  expect(readdirSync(directory)).toEqual(['lock-0123']);
  const lock = await DirectoryLock.acquire(directory);
  expect(readdirSync(directory)).not.toContain('lock-0123');
  await lock.release();
});

test('of many claimants at once exactly one wins, stale locks or not', async () => {
  for (let round = 0; round < 10; round++) {
    if (round % 2 === 1) await deadSocket(join(directory, `lock-${round % 4 === 1 ? '0' : 'f'}`));
    const claims = await Promise.allSettled(Array.from({ length: 12 }, () => DirectoryLock.acquire(directory)));
    const won = claims.flatMap((claim) => (claim.status === 'fulfilled' ? [claim.value] : []));
    expect(won).toHaveLength(1);
    for (const claim of claims) if (claim.status === 'rejected') expect(claim.reason).toMatchObject(refused);
    await Promise.all(won.map((lock) => lock.release()));
  }
}, 60_000);

test('a holder that does not answer has the folder all the same', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(join(directory, 'lock-1'), resolve));
  const sockets: { destroy(): void }[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  await expect(DirectoryLock.acquire(directory)).rejects.toMatchObject(refused);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('the length of the path does not matter', async () => {
  const deep = join(directory, 'x'.repeat(100), 'y'.repeat(100));
  mkdirSync(deep, { recursive: true });
  const lock = await DirectoryLock.acquire(deep);
  await expect(DirectoryLock.acquire(deep)).rejects.toMatchObject(refused);
  await lock.release();
});
