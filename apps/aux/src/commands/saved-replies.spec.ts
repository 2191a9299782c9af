import { encodeCommandBinary } from '@dcs/resp';
import { DiskNodes } from '../../test/disk-nodes.js';
import { RawClient } from '../../test/test-server.js';
import type { AuxServer } from '../aux-server.js';
import { UNDURABLE } from './errors.js';

describe('replies to writes that wait for the disk', () => {
  let nodes: DiskNodes;
  let server: AuxServer;
  let client: RawClient;

  beforeEach(async () => {
    nodes = new DiskNodes();
    server = await nodes.start('a');
    await nodes.cluster.inSync();
    client = new RawClient(server.data.port);
  });

  afterEach(async () => {
    client.close();
    await nodes.close();
  });

  async function pipeline(requests: readonly (readonly string[])[], expected: string): Promise<void> {
    client.write(requests.map((request) => encodeCommandBinary([...request])).join(''));
    await client.until(() => client.received.length >= expected.length);
    expect(client.received).toBe(expected);
    expect(server.dispatcher.pending).toBe(0);
  }

  function counted(command: string): { ok: number; error: number } {
    const found: { ok: number; error: number }[] = [];
    server.dispatcher.eachCounter((name, { ok, error }) => name === command && found.push({ ok, error }));
    return found[0] ?? { ok: 0, error: 0 };
  }

  const sets = (count: number): string[][] => Array.from({ length: count }, (_, i) => ['SET', `k${i}`, `v${i}`]);

  test('come in order, whatever is between them, and each counts', async () => {
    const requests = [
      ...sets(5),
      ['GET', 'k4'],
      ...sets(2),
      ['INCR', 'n'],
      ['INCR', 'n'],
      ['DEL', 'k0'],
      ['DEL', 'k1'],
    ];
    await pipeline(requests, `${'+OK\r\n'.repeat(5)}$2\r\nv4\r\n${'+OK\r\n'.repeat(2)}:1\r\n:2\r\n:1\r\n:1\r\n`);
    expect([counted('SET'), counted('INCR'), counted('DEL')]).toEqual([
      { ok: 7, error: 0 },
      { ok: 2, error: 0 },
      { ok: 2, error: 0 },
    ]);
  });

  test('all say so when it cannot be written', async () => {
    nodes.platters.get('a')!.failure = 'EIO';
    await pipeline(sets(10), UNDURABLE.repeat(10));
    expect(counted('SET')).toEqual({ ok: 0, error: 10 });
  });

  test('those of an earlier group commit are not taken for later ones', async () => {
    await pipeline(sets(3), '+OK\r\n'.repeat(3));
    nodes.platters.get('a')!.failure = 'EIO';
    await pipeline(sets(3), `${'+OK\r\n'.repeat(3)}${UNDURABLE.repeat(3)}`);
  });
});
