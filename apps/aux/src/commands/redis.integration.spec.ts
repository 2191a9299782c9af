import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { MemoryRegistry } from '@dcs/cluster-membership';
import { encodeCommandBinary } from '@dcs/resp';
import { RawClient, startServer } from '../../test/test-server.js';
import type { AuxServer } from '../aux-server.js';

const run = promisify(execFile);
const missing = ['redis-server', 'redis-cli', 'redis-benchmark'].filter(
  (name) => spawnSync(name, ['--version']).error !== undefined,
);
if (missing.length > 0 && process.env['CI'])
  throw new Error(`not installed: ${missing.join(', ')} (needed with CI set)`);
if (missing.length > 0) console.warn(`skipped: ${missing.join(', ')} not installed`);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Scripts of commands whose replies must be Redis's, byte for byte. `FLUSHALL` runs before each. */
const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  connection: [
    ...[
      'PING',
      'PING x',
      'PING x y',
      'ECHO x',
      'ECHO',
      'SELECT 0',
      'SELECT x',
      'QUITX',
      'quitx a b',
      'AUTH x',
      'AUTH default x',
    ],
    ...[
      'AUTH a b c',
      'AUTH someone x',
      'CLIENT GETNAME',
      'CLIENT SETNAME me',
      'CLIENT GETNAME',
      'CLIENT SETNAME',
      'HELLO 4',
    ],
    ...['HELLO x', 'HELLO 3 NOPE', 'HELLO 2 SETNAME', 'COMMAND COUNTX', 'CLUSTERX', 'RESET', 'CLIENT GETNAME'],
  ],
  'set and get': [
    ...[
      'GET k',
      'SET k v',
      'GET k',
      'get k',
      'GET',
      'GET a b',
      'SET k',
      'SET k w NX',
      'SET k w XX',
      'GET k',
      'SET n w XX',
    ],
    ...[
      'SET k x GET',
      'SET m x GET',
      'SET m y NX GET',
      'GET m',
      'SET q y XX GET',
      'GET q',
      'SET k v NX XX',
      'SET k v NOPE',
    ],
    ...['SET k v EX', 'SET k v EX 0', 'SET k v EX -1', 'SET k v EX x', 'SET k v EX 10 PX 10', 'SET k v EX 10 KEEPTTL'],
    ...[
      'SET k v KEEPTTL EX 10',
      'SET k v EX 9223372036854775807',
      'SET k v PX 9223372036854775807',
      'SET k v EX 100',
      'TTL k',
    ],
    ...[
      'SET k v KEEPTTL',
      'TTL k',
      'SET k v',
      'TTL k',
      'SET k v EXAT 1',
      'GET k',
      'EXISTS k',
      'SET k v PXAT 4102444800000',
    ],
    ...['EXPIRETIME k', 'PEXPIRETIME k', 'SET k v EX 100 EX 200', 'SET k v NX NX', 'SET k v XX XX', 'SET k v GET GET'],
  ],
  'other setters': [
    ...[
      'SETEX k 100 v',
      'TTL k',
      'SETEX k 0 v',
      'SETEX k x v',
      'SETEX k -5 v',
      'PSETEX k 100000 v',
      'TTL k',
      'PSETEX k 0 v',
    ],
    ...[
      'SETNX k w',
      'SETNX n w',
      'GET n',
      'GETSET n z',
      'GETSET p z',
      'GETDEL p',
      'GETDEL p',
      'GETDEL',
      'GETEX n',
      'GETEX n EX 100',
    ],
    ...[
      'TTL n',
      'GETEX n PERSIST',
      'TTL n',
      'GETEX n PERSIST x',
      'GETEX n EX',
      'GETEX n EX 0',
      'GETEX n EX x',
      'GETEX none EX 10',
    ],
    ...['GETEX n NOPE', 'GETEX n EXAT 4102444800', 'EXPIRETIME n', 'GETEX n EXAT 1', 'GET n'],
  ],
  many: [
    ...[
      'MSET {t}a 1 {t}b 2',
      'MGET {t}a {t}b {t}c',
      'MSET {t}a',
      'MSET {t}a 1 {t}b',
      'MGET',
      'DEL {t}a {t}a {t}x',
      'UNLINK {t}b',
    ],
    ...['EXISTS {t}a', 'MSET {t}a 1 {t}a 2', 'GET {t}a', 'EXISTS {t}a {t}a', 'DEL', 'EXISTS', 'DBSIZE', 'DBSIZE x'],
  ],
  expiry: [
    ...[
      'EXPIRE k 10',
      'SET k v',
      'TTL k',
      'PTTL none',
      'TTL none',
      'EXPIRE k 100',
      'TTL k',
      'EXPIRE k 50 NX',
      'EXPIRE k 50 XX',
    ],
    ...[
      'TTL k',
      'EXPIRE k 40 GT',
      'EXPIRE k 60 GT',
      'TTL k',
      'EXPIRE k 70 LT',
      'EXPIRE k 30 LT',
      'TTL k',
      'EXPIRE k 10 NX XX',
    ],
    ...[
      'EXPIRE k 10 GT LT',
      'EXPIRE k 10 NX GT',
      'EXPIRE k 10 XX GT',
      'EXPIRE k 10 NOPE',
      'EXPIRE k x',
      'EXPIRE k',
      'PERSIST k',
    ],
    ...[
      'PERSIST k',
      'PERSIST none',
      'TTL k',
      'EXPIRE k 10 XX',
      'EXPIRE k 10 GT',
      'EXPIRE k 10 LT',
      'TTL k',
      'PEXPIRE k 100000',
    ],
    ...[
      'TTL k',
      'EXPIREAT k 4102444800',
      'EXPIRETIME k',
      'PEXPIREAT k 4102444800000',
      'PEXPIRETIME k',
      'PEXPIRETIME none',
    ],
    ...[
      'EXPIRE k 9223372036854775807',
      'EXPIRE k -9223372036854775808',
      'EXPIRE k 0',
      'EXISTS k',
      'SET k v',
      'EXPIRE k -1',
      'GET k',
    ],
    ...['SET k v', 'EXPIREAT k 1', 'GET k', 'SET k v', 'PEXPIRE k 1', 'EXPIRETIME k x'],
  ],
  counters: [
    ...[
      'INCR n',
      'INCRBY n 41',
      'DECR n',
      'DECRBY n 40',
      'GET n',
      'INCRBY n x',
      'INCRBY n 1.5',
      'INCRBY n',
      'SET n abc',
      'INCR n',
    ],
    ...[
      'SET n " 1"',
      'INCR n',
      'SET n 01',
      'INCR n',
      'SET n -0',
      'INCR n',
      'SET n ""',
      'INCR n',
      'SET n 5 EX 100',
      'INCR n',
      'TTL n',
    ],
    ...['INCRBY n -9', 'GET n', 'DECRBY n -3'],
  ],
  strings: [
    ...[
      'APPEND k abc',
      'APPEND k def',
      'GET k',
      'STRLEN k',
      'STRLEN none',
      'TYPE k',
      'TYPE none',
      'APPEND k',
      'SET k v EX 100',
    ],
    ...['APPEND k w', 'TTL k', 'STRLEN', 'APPEND e ""', 'STRLEN e', 'EXISTS e'],
  ],
  scans: [
    ...[
      'SCAN 0',
      'SCAN x',
      'SCAN 0 COUNT',
      'SCAN 0 COUNT 0',
      'SCAN 0 COUNT x',
      'SCAN 0 NOPE 1',
      'SET k v',
      'SCAN 0',
      'SCAN 0 MATCH k*',
    ],
    ...[
      'SCAN 0 MATCH x*',
      'SCAN 0 TYPE string',
      'SCAN 0 TYPE list',
      'SCAN 0 MATCH [j-l] COUNT 100',
      'SCAN 0 MATCH ?',
      'SCAN 0 MATCH \\k',
    ],
    ...['FLUSHALL NOPE', 'FLUSHALL ASYNC', 'DBSIZE', 'FLUSHALL SYNC', 'FLUSHALL x y'],
  ],
};

/** Words, with `"..."` for one that is empty or has blanks. */
function split(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
}

(missing.length > 0 ? describe.skip : describe)('against redis-server', () => {
  let redis: ChildProcess;
  let redisPort: number;
  let server: AuxServer;

  beforeAll(async () => {
    redisPort = await freePort();
    redis = spawn(
      'redis-server',
      ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      {
        stdio: 'ignore',
      },
    );
    server = await startServer();
    for (let attempt = 0; ; attempt++) {
      const probe = new RawClient(redisPort);
      const up = await probe.call('PING').catch(() => undefined);
      probe.close();
      if (up === 'PONG') break;
      if (attempt === 100) throw new Error('redis-server does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }, 20_000);

  afterAll(async () => {
    redis.kill('SIGKILL');
    await server.close();
  });

  describe.each([2, 3])('RESP%i', (protocol) => {
    test.each(Object.keys(SCRIPTS))('%s', async (name) => {
      const theirs = new RawClient(redisPort);
      const ours = new RawClient(server.data.port);
      try {
        for (const client of [theirs, ours]) {
          await client.call('HELLO', protocol);
          await client.call('FLUSHALL');
        }
        for (const line of SCRIPTS[name]!) {
          for (const client of [theirs, ours]) {
            client.received = '';
            await client.call(...split(line));
          }
          expect(`${line}: ${ours.received}`).toBe(`${line}: ${theirs.received}`);
        }
      } finally {
        theirs.close();
        ours.close();
      }
    });
  });

  test('redis-cli works on a node', async () => {
    const cli = async (...args: string[]) =>
      (await run('redis-cli', ['-p', String(server.data.port), ...args])).stdout.trimEnd();
    expect(await cli('SET', 'greeting', 'hello')).toBe('OK');
    expect(await cli('GET', 'greeting')).toBe('hello');
    expect(await cli('-3', 'GET', 'none')).toBe('');
    expect(await cli('-c', 'INCR', 'visits')).toBe('1');
    expect(await cli('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    expect(await cli('COMMAND', 'DOCS', 'get')).toContain('summary');
    expect(await cli('--scan')).toContain('greeting');
  });

  test('redis-benchmark works on a node, and on a cluster', async () => {
    const registry = new MemoryRegistry();
    const members = [await startServer({ DCS_ID: 'b1' }, registry), await startServer({ DCS_ID: 'b2' }, registry)];
    try {
      await members[0]!.membership!.refresh(members[1]!.node.ownership.epoch);
      const args = ['-t', 'get,set,incr', '-n', '2000', '-P', '16', '-r', '1000', '-q', '--csv'];
      for (const [port, mode] of [
        [server.data.port, []],
        [members[0]!.data.port, ['--cluster']],
      ] as const) {
        const { stdout } = await run('redis-benchmark', ['-p', String(port), ...args, ...mode], { timeout: 30_000 });
        expect(stdout).toMatch(/"SET","\d+/);
        expect(stdout).toMatch(/"GET","\d+/);
        expect(stdout).not.toMatch(/error/i);
      }
      for (const { node } of members) expect(node.store.size).toBeGreaterThan(100);
    } finally {
      for (const member of members) await member.close();
    }
  }, 60_000);

  test('a pipeline longer than any buffer is answered whole', async () => {
    const client = new RawClient(server.data.port);
    client.write(encodeCommandBinary(['PING']).repeat(100_000));
    await client.until(() => client.received.length === '+PONG\r\n'.length * 100_000);
    client.close();
  });
});
