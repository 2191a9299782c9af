import { createServer, type AddressInfo, type Socket } from 'node:net';
import { ClusterMembership, MemoryRegistry } from '@dcs/cluster-membership';
import { formatVersion, makeVersion, MAX_VERSION_AHEAD_MS } from '@dcs/protocol';
import { RequestDecoder } from '@dcs/resp';
import { RawClient, startServer } from '../../test/test-server.js';
import type { AuxServer } from '../aux-server.js';

const HELLO = ['DCS.HELLO', '1', 'aux', 'x'] as const;
const VERSION = formatVersion(makeVersion(1_700_000_000_000, 0, 1));
const AHEAD = formatVersion(makeVersion(Date.now() + 2 * MAX_VERSION_AHEAD_MS, 0, 1));
const LAST = 'f'.repeat(24);
const SLOTS = '\0'.repeat(2048);
const LONG = 'k'.repeat(2500);

/** A command as a title: in printable characters, and short. */
function shown(command: readonly string[]): string {
  return command.map((part) => JSON.stringify(part.slice(0, 40)).replaceAll('\\u0000', '.')).join(' ');
}

async function up(server: AuxServer): Promise<AuxServer> {
  while (server.unreadyReason() !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  return server;
}

describe('a node', () => {
  let server: AuxServer;
  beforeAll(async () => void (server = await up(await startServer())));
  afterAll(() => server.close());

  test.each(
    [
      ['DCS.MERGE', '1', 'p', `${LAST} 0 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${AHEAD} 0 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', '', `${VERSION} 0 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', LONG, `${VERSION} 0 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 0 rtext/plain\r\nx: y`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 0 zz`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 1e3 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} -1 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 99999999999999999 s`, 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', 'header', 'x', '-', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 0 s`, 'x', 'stamp', '0', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 0 s`, 'x', VERSION, '1.5', ''],
      ['DCS.MERGE', '1', 'p', `${VERSION} 0 s`, 'x', VERSION, '0', LONG],
      ['DCS.MERGE', 'x', 'p', `${VERSION} 0 s`, 'x', '-', '0', ''],
      ['DCS.SET', '1', LAST, '1', '-', '0', 's', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '0', '-', '0', 's', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '1', '=x', '0', 's', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '1', '-', '-1', 's', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '1', '-', '9007199254740992', 's', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '1', '-', '0', 'd', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '1', '-', '0', 'rtext/plain\tx', 'p', 'v'],
      ['DCS.SET', '1', VERSION, '1', '-', '0', 's', '', 'v'],
      ['DCS.SET', '1', VERSION, '1', '-', '0', 's', LONG, 'v'],
      ['DCS.DEL', '1', 'x', '1', '-', 'p'],
      ['DCS.INCR', '1', VERSION, '1', '1e3', '0', '0', '', 'p'],
      ['DCS.INCR', '1', VERSION, '1', '1', '0', '0', LONG, 'p'],
      ['DCS.TOUCH', '1', VERSION, '1', 'NaN', 'p'],
      ['DCS.FETCH', '1', LONG],
      ['DCS.FETCH', '1', 'k', 'x', 't'],
      ['DCS.FETCH', '1', 'k', VERSION, LONG],
      ['DCS.VOUCH', '1', '', '1'],
      ['DCS.VOUCH', '1', 'k', '-1'],
      ['DCS.DIGEST', '1', 'short'],
      ['DCS.PULL', '1', SLOTS, '0', '0'],
      ['DCS.PULL', '1', SLOTS, 'cursor', '1'],
      ['DCS.PULL', '1', SLOTS, `t${'9'.repeat(400)}`, '1'],
      ['DCS.REMEMBERED', '1', SLOTS, '\r\n', '1'],
      ['DCS.SYNC', '1', 'nobody', 'short'],
      ['DCS.LEASE', '1.5', 'x'],
    ].map((command): [string, string[]] => [shown(command), command]),
  )('refuses %s, and nothing has changed', async (_, command) => {
    const client = new RawClient(server.data.port);
    await client.call(...HELLO);
    const before = JSON.stringify([server.node.store.size, server.node.store.tombstones]);
    const [name, epoch, ...rest] = command;
    const reply = await client.call(name!, epoch === '1' ? server.node.ownership.epoch : epoch!, ...rest);
    expect(String(reply)).toMatch(/^\w*Error: (ERR|INVALID|STALE) /);
    expect(JSON.stringify([server.node.store.size, server.node.store.tombstones])).toBe(before);
    expect(await client.call('PING')).toBe('PONG');
    expect(server.node.clock.last.ms).toBeLessThan(Date.now() + 1000);
    expect(server.defects.total).toBe(0);
    client.close();
  });

  test('takes a write of a key under which an entry of the end of time was refused', async () => {
    const client = new RawClient(server.data.port);
    await client.call(...HELLO);
    await client.call('DCS.MERGE', server.node.ownership.epoch, 'p', `${LAST} 0 s`, 'x', '-', '0', '');
    expect(server.node.store.refused.ahead).toBeGreaterThan(0);
    expect(await client.call('SET', 'p', 'y')).toBe('OK');
    expect(await client.call('GET', 'p')).toBe('y');
    client.close();
  });

  test.each(['GET', 'DCS.STATS', 'EXPIRE'])('lives on when %s throws: that connection ends', async (name) => {
    const before = server.defects.counts.command;
    const { node } = server;
    const methods = { GET: [node.store, 'get'], EXPIRE: [node.store, 'peek'], 'DCS.STATS': [node, 'stats'] };
    const [owner, method] = methods[name as keyof typeof methods];
    const broken = jest.spyOn(owner as never, method as never) as jest.SpyInstance;
    broken.mockImplementation(() => {
      throw new TypeError('a defect');
    });
    const client = new RawClient(server.data.port);
    const other = new RawClient(server.data.port);
    await other.call('PING');
    await client.call(...HELLO);
    client.send(...(name === 'EXPIRE' ? ['EXPIRE', 'k', '1'] : name === 'GET' ? ['GET', 'k'] : ['DCS.STATS']));
    client.send('PING');
    expect(await client.reply()).toMatchObject({ message: 'ERR internal error: this connection ends' });
    await client.until(() => client.closed);
    await expect(client.reply()).rejects.toThrow('ended'); // nothing was read after it
    broken.mockRestore();
    expect(await other.call('SET', 'k', 'v')).toBe('OK');
    expect(server.defects.counts.command).toBe(before + 1);
    other.close();
  });
});

describe('a member of the view that answers nonsense', () => {
  const sockets = new Set<Socket>();
  /** Answers `+1` to all but what makes it a member, and what shows that it lives. */
  const liar = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const requests = new RequestDecoder();
    socket.on('data', (chunk: Buffer) => {
      requests.push(chunk);
      while (requests.next()) socket.write(requests.upper(0) === 'PING' ? '+PONG\r\n' : '+1\r\n');
    });
  });
  const registry = new MemoryRegistry();
  let server: AuxServer;
  let member: ClusterMembership;

  beforeAll(async () => {
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
    const { port } = liar.address() as AddressInfo;
    server = await up(await startServer({ DCS_HEARTBEAT_MS: '100', DCS_LEASE_MS: '1000' }, registry));
    const self = { id: 'liar', host: '127.0.0.1', dataPort: port, httpPort: 0, state: 'up' as const };
    member = new ClusterMembership({ cluster: 'dcs', registry, heartbeatMs: 100, leaseMs: 1000, self });
    await member.join();
  });
  afterAll(async () => {
    await member.close();
    await server.close();
    for (const socket of sockets) socket.destroy();
    liar.close();
  });

  test('is suspected, counted, and ends nothing', async () => {
    const { peers } = server.node.replication;
    while (!peers.has('liar')) await new Promise((resolve) => setTimeout(resolve, 5));
    const client = new RawClient(server.data.port);
    for (let i = 0; i < 20; i++) client.send('SET', `k${i}`, 'v'); // some are this node's, and to be copied to the other
    while (peers.unreadable === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const other = new RawClient(server.data.port);
    expect(await other.call('PING')).toBe('PONG');
    expect(server.defects.total).toBe(0);
    client.close();
    other.close();
  });
});
