import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupWorld, START, viewOf } from '../../test/backup-fixture.js';

jest.setTimeout(120_000);

const ROUNDS = 3;
const LOADER = ['--conditions=@dcs/source', '--import', '@swc-node/register/esm-register'];

test('a process killed while it writes: what was there is whole, and its leftovers go with the next backup', async () => {
  const world = new BackupWorld();
  const folder = join(world.directory, 'dcs', 'a');
  const names = (suffix: string) => (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.endsWith(suffix)); // prettier-ignore
  let unfinished = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, [...LOADER, 'test/backup-child.ts', world.directory, String(round)], {
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: join(__dirname, '../..'),
    });
    const before = new Set(names('.dcsb'));
    while (![...names('.dcsb')].some((name) => !before.has(name)) && child.exitCode === null) await sleep(10);
    while (names('.tmp').length === 0 && child.exitCode === null) await sleep(1);
    await sleep(round * 15);
    child.kill('SIGKILL');
    await once(child, 'exit');
    unfinished += names('.tmp').length;
    expect(names('.dcsb').length).toBeGreaterThan(0);
    const restorer = world.restorer();
    expect((await world.restored(undefined, restorer)).size).toBe(20_000);
    expect(restorer.progress.damagedBlocks).toBe(0);
  }
  expect(unfinished).toBeGreaterThan(0);
  world.now = START + ROUNDS * 3_600_000;
  const node = world.node('a');
  node.apply(viewOf(1, ['a']));
  node.put('k', 'v');
  expect(await world.back(node)).toEqual(['success']);
  expect(names('.tmp')).toEqual([]);
  world.close();
});
