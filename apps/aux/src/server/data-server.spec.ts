import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryRegistry } from '@dcs/cluster-membership';
import { PeerAuth, randomNonce } from '@dcs/protocol';
import { encodeCommandBinary, RespClient } from '@dcs/resp';
import { Cluster, Redis } from 'ioredis';
import type { AuxServer } from '../aux-server.js';
import { commandTable } from '../commands/table.js';
import { RawClient, startServer } from '../../test/test-server.js';

const servers: AuxServer[] = [];
const clients: RawClient[] = [];

async function start(...args: Parameters<typeof startServer>): Promise<AuxServer> {
  const server = await startServer(...args);
  servers.push(server);
  return server;
}

function client(server: AuxServer): RawClient {
  const made = new RawClient(server.data.port);
  clients.push(made);
  return made;
}

afterEach(async () => {
  for (const made of clients.splice(0)) made.close();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe('requests', () => {
  test('any cut of a pipeline gives the same replies', async () => {
    const server = await start();
    const pipeline = [
      ['SET', 'k', 'v\r\n\x00\xff'],
      ['GET', 'k'],
      ['INCR', 'n'],
      ['NOPE', 'x'],
      ['GET', 'absent'],
    ]
      .map(encodeCommandBinary)
      .join('');
    const expected =
      "+OK\r\n$5\r\nv\r\n\x00\xff\r\n:1\r\n-ERR unknown command 'NOPE', with args beginning with: 'x' \r\n$-1\r\n";
    const whole = client(server);
    whole.write(pipeline);
    await whole.until(() => whole.received.length >= expected.length);
    expect(whole.received).toBe(expected);
    await whole.call('DEL', 'n');
    const bytewise = client(server);
    bytewise.socket.setNoDelay(true);
    for (const byte of pipeline) {
      bytewise.write(byte);
      await new Promise(setImmediate);
    }
    await bytewise.until(() => bytewise.received.length >= expected.length);
    expect(bytewise.received).toBe(expected);
  });

  test('inline commands are answered', async () => {
    const inline = client(await start());
    inline.write('PING\r\nSET a "b c"\r\nGET a\r\n');
    await inline.until(() => inline.received.length >= 20);
    expect(inline.received).toBe('+PONG\r\n+OK\r\n$3\r\nb c\r\n');
  });

  test('bytes that are no request end the connection with the reason', async () => {
    const garbage = client(await start());
    garbage.write('*1\r\n!oops\r\n');
    await garbage.until(() => garbage.closed);
    expect(garbage.received).toBe("-ERR Protocol error: expected '$', got '!'\r\n");
  });

  test('an HTTP request that strays in is cut off', async () => {
    const server = await start();
    const http = client(server);
    http.write('POST / HTTP/1.1\r\nHost: x\r\n\r\nSET evil 1\r\n');
    await http.until(() => http.closed);
    expect(server.node.store.peek('evil')).toBeUndefined();
  });

  test('QUIT answers what came before it, then closes', async () => {
    const quitting = client(await start());
    quitting.write(encodeCommandBinary(['PING']) + encodeCommandBinary(['QUIT']) + encodeCommandBinary(['PING']));
    await quitting.until(() => quitting.closed);
    expect(quitting.received).toBe('+PONG\r\n+OK\r\n');
  });

  test('a client that ends its side with its last request gets the reply', async () => {
    const server = await start();
    // With a buffer filled to the brim the server reads on at once, and so sees the end before it has written.
    const fill = 65_536 - encodeCommandBinary(['SET', 'k', 'x'.repeat(65_000)]).length;
    for (let i = 0; i < 20; i++) {
      const ending = client(server);
      ending.socket.end(encodeCommandBinary(['SET', 'k', 'x'.repeat(65_000 + fill)]));
      await ending.until(() => ending.closed);
      expect(ending.received).toBe('+OK\r\n');
    }
  });

  test('a client that asks to be let go and stays is cut off', async () => {
    const server = await start();
    const staying = connect({ port: server.data.port, host: '127.0.0.1', allowHalfOpen: true });
    staying.on('error', () => undefined).resume();
    staying.write(encodeCommandBinary(['QUIT']));
    await once(staying, 'end');
    expect(server.data.connections).toBe(1);
    const began = performance.now();
    while (server.data.connections > 0 && performance.now() - began < 10_000) await sleep(20);
    expect(server.data.connections).toBe(0);
    staying.destroy();
  });

  test('a value that is too large is refused in words, and the connection goes on', async () => {
    const server = await start({ DCS_MAX_VALUE_BYTES: '1000' });
    const large = client(server);
    await expect(large.call('SET', 'k', 'x'.repeat(1001))).resolves.toMatchObject({ code: 'OOM' });
    await expect(large.call('SET', 'k', 'x'.repeat(1000))).resolves.toBe('OK');
  });
});

describe('bounds', () => {
  test('connections above the limit are told and closed', async () => {
    const server = await start({ DCS_MAX_CONNECTIONS: '1' });
    const first = client(server);
    await first.call('PING');
    const second = client(server);
    second.send('PING');
    await second.until(() => second.closed);
    expect(second.received).toBe('-ERR max number of clients reached\r\n');
    expect(server.data.refused).toBe(1);
    first.close();
    await first.until(() => server.data.connections === 0);
    const third = client(server);
    await expect(third.call('PING')).resolves.toBe('PONG');
  });

  test('other parts of the cache get in while clients hold all connections', async () => {
    const secret = 'the cluster secret';
    const server = await start({
      DCS_MAX_CONNECTIONS: '1',
      DCS_CLUSTER_SECRET: secret,
      DCS_ALLOW_UNAUTHENTICATED: 'true',
    });
    const idle = client(server);
    await idle.call('PING');
    const link = new RespClient(
      { host: '127.0.0.1', port: server.data.port },
      { handshake: PeerAuth.ofTool('backup', [secret]).handshake(), reconnect: false },
    );
    await expect(link.request(['DCS.STATS'])).resolves.toContain('"id":"a1"');
    expect([server.data.connections, server.data.refused]).toEqual([2, 0]);
    const stranger = client(server);
    stranger.send('PING');
    await stranger.until(() => stranger.closed);
    expect(stranger.received).toBe('-ERR max number of clients reached\r\n');
    await expect(idle.call('PING')).resolves.toBe('PONG');
    await link.close();
  });

  test('a client that does not read holds a bounded number of bytes, and gets every reply when it does', async () => {
    const server = await start();
    const lazy = client(server);
    await lazy.call('SET', 'big', 'x'.repeat(1_000_000));
    const before = server.dispatcher.processed;
    lazy.socket.pause();
    const asked = 200; // 200 MB of replies
    lazy.write(encodeCommandBinary(['GET', 'big']).repeat(asked));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(server.dispatcher.processed - before).toBeLessThan(50);
    lazy.socket.resume();
    for (let i = 0; i < asked; i++) expect(((await lazy.reply()) as string).length).toBe(1_000_000);
  }, 20_000);

  test('a reply of too many bytes is refused', async () => {
    const server = await start();
    const greedy = client(server);
    await greedy.call('SET', 'big', 'x'.repeat(1_000_000));
    await expect(greedy.call('MGET', ...Array<string>(40).fill('big'))).resolves.toMatchObject({ code: 'ERR' });
  });
});

describe('who may do what', () => {
  const secret = 'correct horse battery';
  const TOKENS = 'ann:reader-token:read,bob:writer-token:write,eve:admin-token:admin';
  const closed = { DCS_CLUSTER_SECRET: secret, DCS_API_TOKENS: TOKENS };

  test('nothing but AUTH, HELLO, RESET and QUIT before a token', async () => {
    const unknown = client(await start(closed));
    for (const command of [['PING'], ['GET', 'k'], ['FLUSHALL'], ['COMMAND'], ['DCS.STATS'], ['NOPE']]) {
      await expect(unknown.call(...command)).resolves.toMatchObject({ message: 'NOAUTH Authentication required.' });
    }
    for (const wrong of [
      ['wrong'],
      ['someone', 'admin-token'],
      ['ann', 'admin-token'],
      [secret],
      ['default', secret],
    ]) {
      await expect(unknown.call('AUTH', ...wrong)).resolves.toMatchObject({ code: 'WRONGPASS' });
    }
    await expect(unknown.call('GET', 'k')).resolves.toMatchObject({ code: 'NOAUTH' });
    await expect(unknown.call('AUTH', 'eve', 'admin-token')).resolves.toBe('OK');
    await expect(unknown.call('FLUSHALL')).resolves.toBe('OK');
    await expect(unknown.call('RESET')).resolves.toBe('RESET');
    await expect(unknown.call('PING')).resolves.toMatchObject({ code: 'NOAUTH' });
    await expect(unknown.call('HELLO', 3, 'AUTH', 'bob', 'writer-token')).resolves.toBeInstanceOf(Map);
    await expect(unknown.call('SET', 'k', 'v')).resolves.toBe('OK');
  });

  test.each([
    [
      'ann',
      'reader-token',
      ['GET', 'MGET', 'TTL', 'SCAN', 'INFO', 'DBSIZE', 'PING'],
      ['SET', 'DEL', 'INCR', 'FLUSHALL'],
    ],
    ['bob', 'writer-token', ['GET', 'SET', 'DEL', 'EXPIRE', 'GETDEL'], ['FLUSHALL']],
    ['eve', 'admin-token', ['GET', 'SET', 'FLUSHALL'], []],
  ])('%s has the role of the token', async (name, token, allowed, refused) => {
    const server = await start(closed);
    const caller = client(server);
    await expect(caller.call('AUTH', name, token)).resolves.toBe('OK');
    const call = (command: string) => {
      const { arity } = commandTable.get(command)!;
      const args = command === 'SCAN' ? ['0'] : Array<string>(Math.abs(arity) - 1).fill('1');
      return caller.call(command, ...args);
    };
    for (const command of allowed) expect(String(await call(command))).not.toContain('NOPERM');
    for (const command of refused) {
      await expect(call(command)).resolves.toMatchObject({
        message: `NOPERM User ${name} has no permissions to run the '${command.toLowerCase()}' command`,
      });
    }
    await expect(caller.call('DCS.STATS')).resolves.toMatchObject({ code: 'ERR' });
  });

  test('clients that know a password only need no name', async () => {
    const server = await start(closed);
    await expect(client(server).call('AUTH', 'reader-token')).resolves.toBe('OK');
    const named = client(server);
    await expect(named.call('AUTH', 'default', 'reader-token')).resolves.toBe('OK');
    await expect(named.call('SET', 'k', 'v')).resolves.toMatchObject({ message: expect.stringContaining('User ann') });
  });

  test('a secret without tokens closes the port to clients, unless told otherwise', async () => {
    const server = await start({ DCS_CLUSTER_SECRET: secret });
    await expect(client(server).call('GET', 'k')).resolves.toMatchObject({ code: 'NOAUTH' });
    await expect(client(server).call('AUTH', secret)).resolves.toMatchObject({ code: 'WRONGPASS' });
    const open = await start({ DCS_CLUSTER_SECRET: secret, DCS_ALLOW_UNAUTHENTICATED: 'true' });
    await expect(client(open).call('GET', 'k')).resolves.toBeNull();
    await expect(client(open).call('DCS.STATS')).resolves.toMatchObject({ code: 'ERR' });
  });

  test('every command says who may send it, and what only peers or admins may is not for others', () => {
    const byAccess = (access: string) =>
      [...commandTable.values()].filter((command) => command.access === access).map(({ name }) => name);
    expect(byAccess('open')).toEqual(['AUTH', 'DCS.AUTH', 'DCS.HELLO', 'HELLO', 'QUIT', 'RESET']);
    for (const { name, access, flags } of commandTable.values()) {
      const isOpen = ['DCS.AUTH', 'DCS.HELLO'].includes(name);
      if (name.startsWith('DCS.') && !isOpen) expect([name, access]).toEqual([name, 'peer']);
      else if ((flags as readonly string[]).includes('admin')) expect([name, access]).toEqual([name, 'admin']);
      else if ((flags as readonly string[]).includes('write')) expect([name, access]).toEqual([name, 'write']);
    }
  });

  test('a part of the cache proves that it knows the secret, and the node does so first', async () => {
    const server = await start(closed);
    const { dataPort, address } = { dataPort: server.data.port, address: `127.0.0.1:${server.data.port}` };
    const link = (secrets: readonly string[]) => {
      const auth = new PeerAuth({
        ...{ role: 'aux', id: 'a2', address: () => '', cluster: 'dcs', secrets },
        ...{ nonce: randomNonce, monotonic: () => 0 },
      });
      const handshake = auth.handshake({ id: 'a1', address, versions: auth.versions });
      return new RespClient({ host: '127.0.0.1', port: dataPort }, { handshake, reconnect: false });
    };
    const peer = link([secret]);
    await expect(peer.request(['DCS.STATS'])).resolves.toContain('"id":"a1"');
    await peer.close();
    for (const secrets of [[], ['not the secret at all']]) {
      const stranger = link(secrets);
      await expect(stranger.connect()).rejects.toMatchObject({ code: 'ERR_RESP_HANDSHAKE' });
      await stranger.close();
    }
  });

  test('tokens can be replaced while the node runs: clients of those that are gone are cut off', async () => {
    const server = await start(closed);
    const [ann, bob] = [client(server), client(server)];
    await ann.call('AUTH', 'ann', 'reader-token');
    await bob.call('AUTH', 'bob', 'writer-token');
    const [kept, added] = [
      { name: 'bob', token: 'writer-token', role: 'write' as const },
      { name: 'dan', token: 'newest-token', role: 'read' as const },
    ];
    server.reload({ secrets: ['the newest secret', secret], tokens: [kept, added], closedToStrangers: true });
    await ann.until(() => ann.closed);
    await expect(bob.call('SET', 'k', 'v')).resolves.toBe('OK');
    await expect(client(server).call('AUTH', 'ann', 'reader-token')).resolves.toMatchObject({ code: 'WRONGPASS' });
    await expect(client(server).call('AUTH', 'dan', 'newest-token')).resolves.toBe('OK');
    expect(() => server.reload({ secrets: [secret], tokens: [], closedToStrangers: true })).toThrow('take a restart');
  });

  test('a wrong proof ends the connection, and so does one without a hello', async () => {
    const server = await start(closed);
    const hello = ['DCS.HELLO', '2', '2', 'role', 'aux', 'id', 'x', 'nonce', 'a'.repeat(32), 'cluster', 'dcs'];
    const liar = client(server);
    await expect(liar.call(...hello)).resolves.toHaveLength(16);
    await expect(liar.call('DCS.STATS')).resolves.toMatchObject({ code: 'NOAUTH' });
    await expect(liar.call('DCS.AUTH', '0'.repeat(64))).resolves.toMatchObject({ code: 'WRONGPASS' });
    await liar.until(() => liar.closed);
    const hasty = client(server);
    await expect(hasty.call('DCS.AUTH', '0'.repeat(64))).resolves.toMatchObject({ code: 'WRONGPASS' });
    await hasty.until(() => hasty.closed);
  });

  test('the way of protocol version 1 is open only when that is said, and without a secret', async () => {
    const plain = ['DCS.HELLO', 1, 'master', 'm1'] as const;
    await expect(client(await start(closed)).call(...plain)).resolves.toMatchObject({
      message: 'ERR protocol version 1 is not spoken here, want one of 2 to 2',
    });
    const server = await start({ ...closed, DCS_ALLOW_PROTOCOL_1: 'true' });
    const early = client(server);
    await expect(early.call(...plain)).resolves.toMatchObject({ code: 'NOAUTH' });
    await expect(early.call('AUTH', secret)).resolves.toBe('OK');
    await expect(early.call(...plain)).resolves.toBe('1');
    await expect(early.call('DCS.STATS')).resolves.toContain('"id":"a1"');
    const admin = client(server);
    await admin.call('AUTH', 'eve', 'admin-token');
    await expect(admin.call(...plain)).resolves.toMatchObject({ code: 'NOAUTH' }); // a token is no secret of the cluster
  });

  test('commands between our own parts need DCS.HELLO', async () => {
    const peer = client(await start());
    await expect(peer.call('DCS.STATS')).resolves.toMatchObject({ code: 'ERR' });
    await expect(peer.call('DCS.HELLO', 99, 'master', 'm1')).resolves.toMatchObject({ code: 'ERR' });
    await expect(peer.call('DCS.HELLO', 3, 9, 'role', 'aux')).resolves.toMatchObject({ code: 'ERR' });
    await expect(peer.call('DCS.HELLO', 1, 'stranger', 'm1')).resolves.toMatchObject({ code: 'ERR' });
    await expect(peer.call('DCS.HELLO', 1, 'master', 'm1')).resolves.toBe('1');
    await expect(peer.call('DCS.STATS')).resolves.toContain('"id":"a1"');
  });
});

describe('views', () => {
  test('without a view commands with keys are refused, others are not', async () => {
    const server = await start();
    const early = client(server);
    server.node.ownership.apply({ epoch: Number.MAX_SAFE_INTEGER, members: [] });
    await expect(early.call('GET', 'k')).resolves.toMatchObject({ code: 'CLUSTERDOWN' });
    await expect(early.call('PING')).resolves.toBe('PONG');
    expect(server.unreadyReason()).toBe('not in the view yet');
  });

  test('a node does not join beside one that it cannot run beside, and says what to do', async () => {
    const old = { id: 'old', incarnation: 1, host: '127.0.0.1', dataPort: 1, httpPort: 2, weight: 1, zone: '', state: 'up' } as const; // prettier-ignore
    const besideOld = async (): Promise<MemoryRegistry> => {
      const registry = new MemoryRegistry();
      await registry.heartbeat('dcs', { member: old, leaseMs: 60_000 });
      return registry;
    };
    const secret = { DCS_CLUSTER_SECRET: 'correct horse battery' };
    await expect(start(secret, await besideOld())).rejects.toMatchObject({
      code: 'ERR_SETTINGS',
      message: expect.stringMatching(/^old speaks protocol version 1.*Set DCS_ALLOW_PROTOCOL_1=true/),
    });
    const { membership } = await start({ ...secret, DCS_ALLOW_PROTOCOL_1: 'true' }, await besideOld());
    expect(membership!.self?.settings).toEqual({ replicas: 2, placement: 1, protocol: { min: 1, max: 2 } });
  });

  test('the slots of others are MOVED, keys of several slots CROSSSLOT', async () => {
    const registry = new MemoryRegistry();
    const one = await start({ DCS_ID: 'a1' }, registry);
    const two = await start({ DCS_ID: 'a2' }, registry);
    await one.membership!.refresh(two.node.ownership.epoch);
    const { table } = one.node.ownership;
    const key = Array.from({ length: 100 }, (_, i) => `key${i}`).find((k) => table.owners(k)[0] === 'a2')!;
    const asking = client(one);
    const reply = await asking.call('GET', key);
    expect(reply).toMatchObject({
      message: expect.stringMatching(new RegExp(`^MOVED \\d+ 127.0.0.1:${two.data.port}$`)),
    });
    await expect(asking.call('MGET', 'a', 'b')).resolves.toMatchObject({ code: 'CROSSSLOT' });
    await expect(asking.call('DEL', '{t}a', '{t}b', 'c')).resolves.toMatchObject({ code: 'CROSSSLOT' });
  });

  test('a command with a newer epoch waits for the view; what follows it stays in order', async () => {
    const registry = new MemoryRegistry();
    const one = await start(
      { DCS_ID: 'a1', DCS_REPLICAS: '1', DCS_HEARTBEAT_MS: '60000', DCS_LEASE_MS: '600000' },
      registry,
    );
    const peer = client(one);
    await peer.call('DCS.HELLO', 1, 'master', 'm1');
    const before = one.node.ownership.epoch;
    await registry.heartbeat('dcs', {
      member: {
        ...{ id: 'a2', incarnation: 1, host: '127.0.0.1', dataPort: 1, httpPort: 2, weight: 1, zone: '', state: 'up' },
      },
      leaseMs: 60_000,
    });
    const slotsOfTwo = Array.from({ length: 100 }, (_, i) => `key${i}`);
    for (const key of slotsOfTwo) peer.send('DCS.GET', before + 1, key);
    peer.send('PING');
    const replies: unknown[] = [];
    for (let i = 0; i <= slotsOfTwo.length; i++) replies.push(await peer.reply());
    expect(replies.pop()).toBe('PONG');
    expect(one.node.ownership.epoch).toBe(before + 1);
    replies.forEach((reply, i) => {
      const owner = one.node.ownership.table.owners(slotsOfTwo[i]!)[0];
      if (owner === 'a1') expect(reply).toBeNull();
      else expect(reply).toMatchObject({ code: 'MOVED' });
    });
  });

  test('an epoch that no registry knows delays the answer, but not for ever', async () => {
    const server = await start();
    const peer = client(server);
    await peer.call('DCS.HELLO', 1, 'master', 'm1');
    await expect(peer.call('DCS.GET', 1e9, 'k')).resolves.toBeNull();
    await expect(peer.call('DCS.GET', 1e9, 'k')).resolves.toBeNull();
  });
});

describe('the end', () => {
  test('DCS.DRAIN leaves the cluster', async () => {
    const registry = new MemoryRegistry();
    const server = await start({}, registry);
    const close = registry.close.bind(registry);
    registry.close = async () => undefined; // it is looked at after the server has closed
    const peer = client(server);
    await peer.call('DCS.HELLO', 1, 'master', 'm1');
    await expect(peer.call('DCS.DRAIN')).resolves.toBe('OK');
    await peer.until(() => peer.closed);
    await server.close();
    expect((await registry.read('dcs')).members).toEqual([]);
    expect(server.unreadyReason()).toBe('leaving the cluster');
    await close();
  });

  test('closing twice is closing once', async () => {
    const server = await start();
    await Promise.all([server.close(), server.close()]);
    await server.close();
    expect(server.data.listening).toBe(false);
  });

  test('a port in use is an error with the code of the system', async () => {
    const server = await start();
    await expect(start({ DCS_DATA_PORT: String(server.data.port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('ioredis', () => {
  test('binary keys and values, pipelines and RESP errors', async () => {
    const server = await start();
    const redis = new Redis({ port: server.data.port, host: '127.0.0.1' });
    try {
      const key = Buffer.from('ключ\r\n\0');
      const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await redis.set(key, value, 'PX', 60_000);
      expect(await redis.getBuffer(key)).toEqual(value);
      expect(await redis.pttl(key)).toBeGreaterThan(50_000);
      expect(await redis.pipeline().incr('n').incrby('n', 4).get('n').exec()).toEqual([
        [null, 1],
        [null, 5],
        [null, '5'],
      ]);
      await expect(redis.incr(key)).rejects.toThrow('ERR value is not an integer or out of range');
      expect(await redis.info()).toContain('redis_version:');
    } finally {
      redis.disconnect();
    }
  });

  test('a cluster client finds every key through CLUSTER SLOTS', async () => {
    const registry = new MemoryRegistry();
    const one = await start({ DCS_ID: 'a1' }, registry);
    const two = await start({ DCS_ID: 'a2' }, registry);
    await one.membership!.refresh(two.node.ownership.epoch);
    const cluster = new Cluster([{ host: '127.0.0.1', port: one.data.port }]);
    try {
      for (let i = 0; i < 50; i++) await cluster.set(`key${i}`, i);
      for (let i = 0; i < 50; i++) expect(await cluster.get(`key${i}`)).toBe(String(i));
      expect(one.node.store.size).toBeGreaterThan(5);
      expect(one.node.store.size).toBe(50); // a copy of each on both
      expect(two.node.store.size).toBe(50);
    } finally {
      cluster.disconnect();
    }
  });
});
