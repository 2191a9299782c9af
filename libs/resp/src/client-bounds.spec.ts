import { ended, type Peer, until, useClients } from '../test/peer.js';
import { RespClient } from './client.js';
import type { RespClientOptions } from './client-options.js';
import { encodeCommandBinary } from './command.js';
import { Reply } from './reply.js';

describe('RespClient: bounds and close', () => {
  const fixture = useClients();
  const { clientFor } = fixture;
  let peer: Peer;
  beforeEach(() => {
    peer = fixture.peer;
  });

  describe('bounds', () => {
    test('on requests in flight, those that timed out included', async () => {
      peer.handler = () => '';
      const client = clientFor({ maxInFlight: 3, requestTimeoutMs: 20 });
      await client.connect();
      const three = ['A', 'B', 'C'].map((name) => ended(client.request([name])));
      expect(await ended(client.request(['D']))).toBe('ERR_RESP_OVERLOADED unsent');
      await Promise.all(three);
      expect(client.inFlight).toBe(0);
      expect(await ended(client.request(['E']))).toBe('ERR_RESP_OVERLOADED unsent');
    });

    test('on bytes, while connecting and while the peer does not read', async () => {
      const client = clientFor({ maxPendingBytes: 1000 });
      const first = client.request(['ECHO', 'x'.repeat(800)]);
      expect(await ended(client.request(['ECHO', 'x'.repeat(800)]))).toBe('ERR_RESP_OVERLOADED unsent');
      expect(await first).toHaveLength(800);
      expect(await client.request(['ECHO', 'x'.repeat(800)])).toHaveLength(800);

      const stuck = clientFor({ maxPendingBytes: 2 ** 20 });
      await stuck.connect();
      peer.sockets.forEach((socket) => socket.pause());
      let refused: unknown;
      let accepted = 0;
      for (let i = 0; i < 200 && refused === undefined; i++) {
        stuck.send(encodeCommandBinary(['ECHO', 'x'.repeat(2 ** 18)]), (error) => (refused ??= error));
        if (refused === undefined) accepted++;
        await new Promise(setImmediate);
        expect(stuck.pendingBytes).toBeLessThanOrEqual(2 ** 20);
      }
      expect(refused).toMatchObject({ code: 'ERR_RESP_OVERLOADED', sent: false });
      expect(accepted).toBeGreaterThan(2);
    });

    test('wrong options are refused by name', () => {
      const make = (options: RespClientOptions) => () => new RespClient({ host: 'h', port: 1 }, options);
      expect(make({ requestTimeoutMs: 0 })).toThrow(/requestTimeoutMs: got 0/);
      expect(make({ maxInFlight: Infinity })).toThrow(/maxInFlight/);
      expect(make({ reconnect: { minMs: 10, maxMs: 5 } })).toThrow(/reconnect.maxMs/);
      expect(() => new RespClient({ host: 'h', port: 0 })).toThrow(
        expect.objectContaining({ code: 'ERR_RESP_OPTION' }),
      );
      expect(() => new RespClient({ host: '', port: 1 })).toThrow(/host/);
    });
  });

  describe('close', () => {
    test('finishes what is in flight, refuses what is new, and is idempotent', async () => {
      peer.handler = ([name], socket) => {
        setTimeout(() => socket.write(Reply.bulk(name!)), 30);
        return '';
      };
      const client = clientFor();
      await client.connect();
      const inFlight = client.request(['A']);
      const closed = client.close({ drainMs: 1000 });
      expect(client.state).toBe('closed');
      expect(client.close()).toBe(closed);
      expect(await ended(client.request(['B']))).toBe('ERR_RESP_CLOSED unsent');
      expect(await inFlight).toBe('A');
      await closed;
      await expect(client.connect()).rejects.toMatchObject({ code: 'ERR_RESP_CLOSED' });
      await until(() => peer.sockets.size === 0);
    });

    test('fails what does not finish in time', async () => {
      peer.handler = () => '';
      const client = clientFor();
      await client.connect();
      const inFlight = ended(client.request(['A']));
      await until(() => peer.reads.length === 1);
      await client.close({ drainMs: 20 });
      expect(await inFlight).toBe('ERR_RESP_CLOSED sent');
      expect(client.inFlight).toBe(0);
    });

    test('lets requests that wait for the first connection through', async () => {
      const client = clientFor();
      const waiting = client.request(['ECHO', 'x']);
      await client.close();
      expect(await waiting).toBe('x');
    });

    test('before, during and between connections', async () => {
      await clientFor().close();
      const connecting = clientFor();
      const attempt = connecting.connect();
      await Promise.all([expect(attempt).rejects.toMatchObject({ code: 'ERR_RESP_CLOSED' }), connecting.close()]);
      const { port } = peer.address;
      await peer.close();
      const waiting = clientFor({ reconnect: { minMs: 10_000, maxMs: 10_000 } }, { host: '127.0.0.1', port });
      await waiting.connect().catch(() => undefined);
      expect(waiting.state).toBe('waiting');
      const pending = waiting.connect();
      await Promise.all([expect(pending).rejects.toMatchObject({ code: 'ERR_RESP_CLOSED' }), waiting.close()]);
      await peer.listen(port);
    });

    test('from inside a callback', async () => {
      const client = clientFor();
      await client.connect();
      const replies: unknown[] = [];
      const closed = new Promise<void>((resolve) => {
        client.send(encodeCommandBinary(['ECHO', 'a']), () => void client.close({ drainMs: 500 }).then(resolve));
        client.send(encodeCommandBinary(['ECHO', 'b']), (error, reply) => replies.push(error ?? reply));
      });
      await closed;
      expect(replies).toEqual(['b']);
    });
  });
});
