import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryRegistry } from '@dcs/cluster-membership';
import { type NodeStats, SlotSet } from '@dcs/protocol';
import { Registry } from 'prom-client';
import type { AuxServer } from '../aux-server.js';
import { registerAuxMetrics } from '../metrics/aux-metrics.js';
import { RawClient, startServer } from '../../test/test-server.js';

const HELLO = ['DCS.HELLO', '1', 'master', 'm'] as const;

async function ready(server: AuxServer): Promise<void> {
  while (server.unreadyReason() !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a node with a backup directory', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dcs-backup-'));
  let server: AuxServer;
  let client: RawClient;
  beforeAll(async () => {
    server = await startServer({ DCS_BACKUP_DIR: directory, DCS_BACKUP_INTERVAL: '0' }, new MemoryRegistry());
    await ready(server);
    client = new RawClient(server.data.port);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  test('DCS.BACKUP is for parts of the cache, answers at once, and DCS.STATS tells when it is done', async () => {
    expect(String(await client.call('DCS.BACKUP'))).toContain('send DCS.HELLO first');
    await client.call(...HELLO);
    const stats = async () => JSON.parse(String(await client.call('DCS.STATS'))) as NodeStats;
    expect((await stats()).backup).toEqual({ lastSuccessAt: null, entries: 0, bytes: 0, failures: 0 });
    for (let i = 0; i < 100; i++) await client.call('SET', `k${i}`, `v${i}`);
    expect(await client.call('DCS.BACKUP')).toBe('OK');
    while ((await stats()).backup?.lastSuccessAt == null) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await stats()).backup).toMatchObject({ entries: 100, failures: 0 });
    await server.backup!.request();
  });

  test('metrics tell of backups and restores', async () => {
    const register = new Registry();
    registerAuxMetrics(server, undefined, 'x', register);
    const text = await register.metrics();
    for (const line of [
      'dcs_backup_last_entries 100',
      'dcs_backup_in_progress 0',
      'dcs_backups_total{outcome="success"} 2',
      'dcs_backups_total{outcome="failure"} 0',
      'dcs_restore_entries_total 0',
      'dcs_restore_damaged_blocks_total 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    const value = (name: string) => Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]);
    expect(Math.abs(value('dcs_backup_last_success_timestamp_seconds') - Date.now() / 1000)).toBeLessThan(60);
    expect(value('dcs_backup_last_duration_seconds')).toBeGreaterThan(0);
    expect(value('dcs_backup_last_size_bytes')).toBeGreaterThan(1000);
  });

  test('another node that starts with nothing restores what it wrote', async () => {
    const other = await startServer(
      { DCS_ID: 'other', DCS_BACKUP_DIR: directory, DCS_BACKUP_INTERVAL: '0' },
      new MemoryRegistry(),
    );
    await ready(other);
    const reader = new RawClient(other.data.port);
    for (let i = 0; i < 100; i++) expect(await reader.call('GET', `k${i}`)).toBe(`v${i}`);
    expect(other.restore!.progress).toMatchObject({ entries: 100, filesRead: 1, damagedBlocks: 0, active: 0 });
    reader.close();
    await other.close();
  });
});

test('a node without one says so', async () => {
  const server = await startServer({}, new MemoryRegistry());
  const client = new RawClient(server.data.port);
  await client.call(...HELLO);
  expect(String(await client.call('DCS.BACKUP'))).toContain('NOBACKUP');
  expect(JSON.parse(String(await client.call('DCS.STATS')))).not.toHaveProperty('backup');
  const register = new Registry();
  registerAuxMetrics(server, undefined, 'x', register);
  expect(await register.metrics()).not.toMatch(/dcs_backup|dcs_restore/);
  client.close();
  await server.close();
});

test('a directory that is missing is counted and told, and the node serves', async () => {
  const server = await startServer({ DCS_BACKUP_DIR: join(tmpdir(), 'dcs-no-such-directory') }, new MemoryRegistry());
  await ready(server);
  const client = new RawClient(server.data.port);
  expect(await client.call('SET', 'k', 'v')).toBe('OK');
  expect(await server.backup!.request()).toBe('failure');
  expect(server.backup!.stats().failures).toBeGreaterThan(1);
  await expect(server.restore!.restore(SlotSet.of([0]), () => undefined)).rejects.toMatchObject({
    code: 'ERR_BACKUP_UNREADABLE',
  });
  expect(await client.call('GET', 'k')).toBe('v');
  client.close();
  await server.close();
});
