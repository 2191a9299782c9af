import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { MemoryRegistry } from '@dcs/cluster-membership';
import type { AuxServer } from '../../aux-server.js';
import { entryOf } from '../../node/entry.js';
import { RawClient, startServer } from '../../../test/test-server.js';
import { run } from './run.js';

jest.setTimeout(30_000);

const SECRET = 'long enough a secret';
const directory = mkdtempSync(join(tmpdir(), 'dcs-backup-'));
const secretFile = join(directory, 'secret');
/** The backup of the first node: each test may damage it. */
let firstFile: string;
let sound: Buffer;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function cli(...args: string[]): Promise<Outcome> {
  return cliAt(Date.now, ...args);
}

async function cliAt(now: () => number, ...args: string[]): Promise<Outcome> {
  const text = { out: '', error: '' };
  const into = (name: 'out' | 'error') =>
    new Writable({
      write(chunk, _encoding, done) {
        text[name] += String(chunk);
        done();
      },
    });
  const code = await run(args, { out: into('out'), error: into('error'), isInteractive: false, now });
  return { code, ...text };
}

/** Two nodes in one cluster. */
async function startTwo(env: Record<string, string> = {}): Promise<[AuxServer, AuxServer]> {
  const registry = new MemoryRegistry();
  const base = { DCS_CLUSTER_SECRET: SECRET, DCS_HEARTBEAT_MS: '100', DCS_LEASE_MS: '1000', ...env };
  const first = await startServer({ ...base, DCS_ID: 'a1' }, registry);
  const second = await startServer({ ...base, DCS_ID: 'a2' }, registry);
  const deadline = Date.now() + 10_000;
  while (
    [first, second].some((server) => server.unreadyReason() !== undefined || server.node.ownership.up.length < 2)
  ) {
    if (Date.now() > deadline) throw new Error('the nodes do not see each other');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [first, second];
}

async function close(servers: readonly AuxServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}

beforeAll(async () => {
  writeFileSync(secretFile, `${SECRET}\n`);
  const servers = await startTwo({ DCS_BACKUP_DIR: directory, DCS_BACKUP_INTERVAL: '0' });
  for (const { node } of servers) {
    for (let i = 0; i < 300; i++) node.store.merge(`k${i}`, entryOf(`k${i}`, `v${i}`, { ms: 1000 + i, low: 1 }));
    const put = (key: string, value: string, kind: string, expiresAt = 0) =>
      node.store.merge(key, entryOf(key, value, { ms: 5000, low: 1 }, expiresAt, kind));
    put('json', '{"a":[1]}', 'j');
    put('raw', '\xff\x00', 'rimage/png');
    put('timed', 'text', 's', 4_000_000_000_000);
    put('gone', '', 'd', 4_000_000_000_000);
  }
  for (const { backup } of servers) expect(await backup!.request()).toBe('success');
  await close(servers);
  const folder = join(directory, 'dcs', 'a1');
  firstFile = join(folder, readdirSync(folder).sort()[0]!);
  sound = readFileSync(firstFile);
});
afterEach(() => writeFileSync(firstFile, sound));
afterAll(() => rmSync(directory, { recursive: true }));

describe('list', () => {
  test('shows the files of every node, and whether every slot is covered', async () => {
    const { code, out } = await cli('list', directory);
    expect(code).toBe(0);
    expect(out).toMatch(/^cluster dcs\nNODE {2}FILE/);
    expect(out).toMatch(/a1 .* complete\n/);
    expect(out).toMatch(/a2 .* complete\n/);
    expect(out).toContain('all 16384 slots are covered');
    const { clusters } = JSON.parse((await cli('list', directory, '--json')).out) as { clusters: { files: { entries: number }[] }[] }; // prettier-ignore
    expect(clusters[0]).toMatchObject({ cluster: 'dcs', slotsCovered: 16_384, allSlotsCovered: true });
    expect(clusters[0]!.files.reduce((sum, { entries }) => sum + entries, 0)).toBe(303);
  });

  test('says what is not covered', async () => {
    writeFileSync(firstFile, sound.subarray(0, -1));
    const { out } = await cli('list', directory);
    expect(out).toMatch(/a1 .* incomplete\n/);
    expect(out).toMatch(/\d+ of 16384 slots are in no complete backup/);
  });
});

describe('verify', () => {
  test('is content with what was written, and ends with 1 when a byte is not', async () => {
    expect(await cli('verify', directory)).toMatchObject({ code: 0, out: '2 files read, all sound\n' });
    for (const at of [3, 40, 500, sound.length - 500, sound.length - 3]) {
      const damaged = Buffer.from(sound);
      damaged[at]! ^= 1;
      writeFileSync(firstFile, damaged);
      const { code, out } = await cli('verify', directory);
      expect([code, out]).toEqual([1, expect.stringContaining('1 damaged or incomplete')]);
      expect(JSON.parse((await cli('verify', directory, '--json')).out)).toMatchObject({ damaged: 1 });
    }
  });

  test('leaves out what a running node removes meanwhile', async () => {
    const removeIt = (): number => {
      rmSync(firstFile, { force: true }); // the time is asked for after the files were listed
      return Date.now();
    };
    expect(await cliAt(removeIt, 'verify', directory)).toEqual({
      code: 0,
      out: '1 files read, all sound, 1 removed meanwhile\n',
      error: '',
    });
  });
});

describe('export', () => {
  test('writes each entry as it was stored, and deleted ones not', async () => {
    const { code, out, error } = await cli('export', directory);
    expect([code, error]).toEqual([0, '303 entries\n']);
    const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { key: string }); // prettier-ignore
    const of = (key: string) => lines.find((line) => line.key === key);
    expect(of('k7')).toEqual({ key: 'k7', value: 'v7', version: '0000000003ef000000000001' });
    expect(of('json')).toMatchObject({ value: { a: [1] } });
    expect(of('raw')).toMatchObject({ value: '/wA=', encoding: 'base64', contentType: 'image/png' });
    expect(of('timed')).toMatchObject({ value: 'text', expiresAt: 4_000_000_000_000 });
    expect(of('gone')).toBeUndefined();
    const file = join(directory, 'out.ndjson');
    await cli('export', directory, '--out', file, '--cluster', 'dcs');
    expect(readFileSync(file, 'utf8').split('\n').sort()).toEqual(out.split('\n').sort());
  });

  test('into a place that cannot be written fails in words', async () => {
    const { code, error } = await cli('export', directory, '--out', '/no/such/place');
    expect([code, error]).toEqual([1, expect.stringContaining('ENOENT')]);
  });
});

describe('restore', () => {
  test('brings every entry to all its owners, and leaves what is newer there', async () => {
    const servers = await startTwo();
    const [first, second] = servers;
    const client = new RawClient(first.data.port);
    await client.call('AUTH', SECRET);
    for (const { node } of servers) node.store.merge('k5', entryOf('k5', 'newer', { ms: 9000, low: 1 }));
    const port = String(second.data.port);
    const refused = await cli('restore', directory, '--node', `127.0.0.1:${port}`);
    expect(refused.code).toBe(1);
    const done = await cli('restore', directory, '--node', `127.0.0.1:${port}`, '--secret-file', secretFile);
    expect(done).toMatchObject({ code: 0, error: '304 entries and deletes restored, 0 expired ones left out\n' });
    for (const { node } of servers) {
      expect(node.store.size).toBe(303);
      expect(node.store.peek('k5')!.framed).toContain('newer');
      expect(node.store.peek('k6')).toMatchObject({ ms: 1006, low: 1 });
      expect(node.store.tombstoneOf('gone')).toMatchObject({ kind: 'd', ms: 5000, low: 1 });
    }
    client.close();
    await close(servers);
  });

  test('into a cluster that is not there fails in words', async () => {
    const { code, error } = await cli('restore', directory, '--node', '127.0.0.1:1');
    expect([code, error]).toEqual([1, expect.stringMatching(/connect/i)]);
  });
});

test.each([
  [[], 'command: got nothing, expected list, verify, export, restore'],
  [['frob', 'x'], 'command: got "frob"'],
  [['list'], 'the backup directory is missing'],
  [['list', '/no/such'], 'the backup directory cannot be read'],
  [['list', directory, 'more'], 'got "more" after the directory'],
  [['list', directory, '--node', 'a:1'], '--node: list has no such option'],
  [['list', directory, '--frob'], '--frob'],
  [['export', directory, '--cluster', 'other'], 'expected dcs'],
  [['restore', directory], '--node HOST:PORT is missing'],
  [['restore', directory, '--node', 'x'], '--node: got "x", expected HOST:PORT'],
])('%j is wrong usage: exit code 2, in words', async (args, message) => {
  const { code, error } = await cli(...args);
  expect([code, error]).toEqual([2, expect.stringContaining(message)]);
});

test('--help says what bin/help.txt says, which is there before anything is built', async () => {
  const { code, out } = await cli('--help');
  expect([code, out]).toEqual([0, readFileSync(join(__dirname, '../../../bin/help.txt'), 'utf8')]);
});
