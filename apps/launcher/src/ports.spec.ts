import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { checkPorts, freePorts, type PortWish } from './ports.js';

let server: Server;
let used: number;
beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  used = (server.address() as { port: number }).port;
});
afterEach(() => server.close());

const wish = (port: number, owner = 'master-1 HTTP', option = '--port'): PortWish => ({ port, owner, option });

describe('checkPorts', () => {
  it('accepts free ports and lets go of them', async () => {
    const [a = 0, b = 0] = await freePorts('127.0.0.1', 2);
    await checkPorts('127.0.0.1', [wish(a), wish(b)]);
    await checkPorts('127.0.0.1', [wish(a), wish(b)]);
  });

  it('names a port in use, who wanted it and the option', async () => {
    await expect(checkPorts('127.0.0.1', [wish(used)])).rejects.toMatchObject({
      code: 'ERR_PORT_IN_USE',
      message: `port ${used} of 127.0.0.1 (master-1 HTTP) is in use: stop what uses it, or choose another with --port`,
    });
  });

  it('notices that something listens on every address', async () => {
    await expect(checkPorts('0.0.0.0', [wish(used)])).rejects.toMatchObject({ code: 'ERR_PORT_IN_USE' });
  });

  it('notices two that want the same', async () => {
    const wishes = [wish(7101), wish(7101, 'aux-1 RESP', '--aux-data-port')];
    await expect(checkPorts('127.0.0.1', wishes)).rejects.toThrow(
      'port 7101 is wanted by both master-1 HTTP and aux-1 RESP: change --port or --aux-data-port',
    );
  });

  it('says that an address is not of this machine', async () => {
    await expect(checkPorts('192.0.2.1', [wish(18_080)])).rejects.toMatchObject({
      code: 'ERR_ADDRESS_UNUSABLE',
      message: expect.stringMatching(/192\.0\.2\.1:18080.*EADDRNOTAVAIL; check --host/),
    });
  });
});

describe('freePorts', () => {
  it('finds different ports below the range of outgoing connections', async () => {
    const ports = await freePorts('127.0.0.1', 20);
    expect(new Set(ports).size).toBe(20);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(15_000);
    expect(Math.max(...ports)).toBeLessThan(32_000);
  });

  it('leaves out what is taken', async () => {
    const draws = [0.5, 0.5, 0.6];
    const [first = 0] = await freePorts('127.0.0.1', 1, new Set(), () => 0.5);
    const [second = 0] = await freePorts('127.0.0.1', 1, new Set([first]), () => draws.shift() ?? 0.7);
    expect(second).toBeGreaterThan(first);
  });

  it('gives up when there are none', async () => {
    await expect(freePorts('127.0.0.1', 2, new Set(), () => 0.5)).rejects.toMatchObject({
      code: 'ERR_ADDRESS_UNUSABLE',
    });
    await expect(freePorts('192.0.2.1', 1)).rejects.toThrow(/EADDRNOTAVAIL; check --host/);
  });
});
