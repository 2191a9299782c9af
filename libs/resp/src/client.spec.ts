import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RespClient } from './client.js';
import type { RespClientOptions } from './client-options.js';
import { encodeCommandBinary } from './command.js';
import { RespClientError, RespError } from './errors.js';
import { Reply } from './reply.js';
import { RequestDecoder } from './request-decoder.js';
import type { RespValue } from './value.js';

type Handler = (args: string[], socket: Socket) => string;

/** A server that answers with what `handler` makes of a request; what it read is in `reads`, one entry per read. */
class Peer {
  readonly reads: string[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  #server: Server;

  constructor(public handler: Handler = ([, ...args]) => Reply.bulk(args.join(' '))) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.sockets.add(socket);
      const decoder = new RequestDecoder();
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('data', (chunk) => {
        this.reads.push(chunk.toString('latin1'));
        decoder.push(chunk);
        let out = '';
        while (decoder.next()) {
          out += this.handler(
            Array.from({ length: decoder.argc }, (_, i) => decoder.binary(i)),
            socket,
          );
        }
        if (out !== '' && socket.writable) socket.write(out, 'latin1');
      });
    });
  }

  async listen(at: string | number = 0): Promise<this> {
    await new Promise<void>((resolve) =>
      typeof at === 'string' ? this.#server.listen(at, resolve) : this.#server.listen(at, '127.0.0.1', resolve),
    );
    return this;
  }

  get address() {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  drop(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; !what(); i++) {
    if (i > 500) throw new Error('it did not come to pass within 5 s');
    await wait(10);
  }
}

/** What a request ended with: its reply, or its error's code and whether it was sent. */
function ended(request: Promise<RespValue>): Promise<unknown> {
  return request.catch((error: unknown) =>
    error instanceof RespClientError ? `${error.code} ${error.sent ? 'sent' : 'unsent'}` : error,
  );
}

describe('RespClient', () => {
  let peer: Peer;
  const clients: RespClient[] = [];

  function clientFor(
    options: RespClientOptions = {},
    address: { host: string; port: number } = peer.address,
  ): RespClient {
    const client = new RespClient(address, { reconnect: { minMs: 5, maxMs: 40 }, ...options });
    clients.push(client);
    return client;
  }

  beforeEach(async () => {
    peer = await new Peer().listen();
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close({ drainMs: 0 })));
    await peer.close();
  });

  test('connects with the first request and answers in order', async () => {
    const client = clientFor();
    expect(client.state).toBe('idle');
    const replies = Promise.all(Array.from({ length: 500 }, (_, i) => client.request(['ECHO', i])));
    expect(client.state).toBe('connecting');
    expect(client.inFlight).toBe(500);
    expect(client.pendingBytes).toBeGreaterThan(500 * 20);
    expect(await replies).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
    expect(client.state).toBe('ready');
    expect(client.inFlight).toBe(0);
    expect(client.pendingBytes).toBe(0);
  });

  test('requests of one turn go out in one write', async () => {
    const client = clientFor();
    await client.connect();
    const replies: RespValue[] = [];
    await new Promise<void>((resolve) => {
      const send = (i: number) =>
        client.send(encodeCommandBinary(['ECHO', i]), (_, reply) => (replies.push(reply), i === 99 && resolve()));
      for (let i = 0; i < 50; i++) send(i);
      queueMicrotask(() => {
        for (let i = 50; i < 100; i++) send(i);
      });
    });
    expect(peer.reads).toHaveLength(1);
    expect(replies).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });

  test.each([
    ['utf8' as const, 'ключ'],
    ['binary' as const, Buffer.from('ключ').toString('latin1')],
    ['buffer' as const, Buffer.from('ключ')],
  ])('delivers bulk strings as %s; 1 MiB passes', async (bulk, expected) => {
    const client = clientFor({ bulk });
    expect(await client.request(['ECHO', 'ключ'])).toEqual(expected);
    expect(await client.request(['ECHO', Buffer.from('ключ')])).toEqual(expected);
    const mib = Buffer.alloc(2 ** 20, '\0\r\n\xff', 'latin1');
    const reply = await client.request(['ECHO', mib]);
    if (bulk === 'binary') expect(reply === mib.toString('latin1')).toBe(true);
    if (bulk === 'buffer') expect(mib.equals(reply as Buffer)).toBe(true);
  });

  test('an error reply is a RespError and harms nobody else', async () => {
    peer.handler = ([name]) => (name === 'BAD' ? Reply.error('WRONGTYPE no') : Reply.OK);
    const client = clientFor();
    const [bad, good] = await Promise.all([ended(client.request(['BAD'])), client.request(['GOOD'])]);
    expect(bad).toBeInstanceOf(RespError);
    expect(bad).toMatchObject({ code: 'WRONGTYPE', message: 'WRONGTYPE no' });
    expect(good).toBe('OK');
  });

  test('speaks over a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'resp-'));
    const local = await new Peer().listen(join(folder, 's'));
    const client = new RespClient({ path: join(folder, 's') });
    expect(await client.request(['ECHO', 'x'])).toBe('x');
    await client.close();
    await local.close();
    await rm(folder, { recursive: true });
  });

  describe('timeouts', () => {
    test('a late reply is dropped in its place and the connection goes on', async () => {
      const held: Socket[] = [];
      peer.handler = ([name], socket) => (name === 'SLOW' ? (held.push(socket), '') : Reply.bulk(name!));
      const client = clientFor({ requestTimeoutMs: 30 });
      await client.connect();
      expect(await ended(client.request(['SLOW']))).toBe('ERR_RESP_TIMEOUT sent');
      expect(client.inFlight).toBe(0);
      held[0]!.write('+late\r\n');
      expect(await client.request(['NEXT'])).toBe('NEXT');
      expect(peer.connections).toBe(1);
    });

    test('a request may have its own', async () => {
      peer.handler = () => '';
      const client = clientFor({ requestTimeoutMs: 5000 });
      await client.connect();
      const start = performance.now();
      expect(await ended(client.request(['X'], 30))).toBe('ERR_RESP_TIMEOUT sent');
      const elapsed = performance.now() - start;
      expect(elapsed).toBeGreaterThanOrEqual(29);
      expect(elapsed).toBeLessThan(1000);
    });

    test('silence after a timeout costs the connection', async () => {
      let silent = true;
      peer.handler = () => (silent ? '' : Reply.OK);
      const down: string[] = [];
      const client = clientFor({
        requestTimeoutMs: 20,
        stallTimeoutMs: 40,
        onDown: (error) => down.push(error.message),
      });
      await client.connect();
      expect(await ended(client.request(['X']))).toBe('ERR_RESP_TIMEOUT sent');
      silent = false;
      await until(() => down.length === 1);
      expect(down[0]).toMatch('nothing received for 40 ms');
      await client.connect();
      expect(await client.request(['X'])).toBe('OK');
      expect(peer.connections).toBe(2);
    });

    test('replies that arrived while the loop was blocked are in time', async () => {
      peer.handler = () => {
        const blockedUntil = performance.now() + 120;
        while (performance.now() < blockedUntil);
        return Reply.OK; // written now, read only after the timer has come due
      };
      const client = clientFor({ requestTimeoutMs: 50 });
      await client.connect();
      expect(await ended(client.request(['X']))).toBe('OK');
    });
  });

  describe('connection loss', () => {
    test('fails what is in flight, saying what may have been sent, and reconnects', async () => {
      peer.handler = ([name], socket) => (name === 'DIE' ? (socket.resetAndDestroy(), '') : Reply.OK);
      const events: string[] = [];
      const client = clientFor({ onReady: () => events.push('ready'), onDown: () => events.push('down') });
      await client.connect();
      const late: Promise<unknown>[] = [];
      const died = client.request(['DIE']).catch((error: unknown) => {
        late.push(ended(client.request(['AFTER'])));
        throw error;
      });
      expect(await ended(died)).toBe('ERR_RESP_CONNECTION_LOST sent');
      expect(await Promise.all(late)).toEqual(['ERR_RESP_NOT_CONNECTED unsent']);
      await client.connect();
      expect(await client.request(['X'])).toBe('OK');
      expect(events).toEqual(['ready', 'down', 'ready']);
    });

    test('a request that was not written yet is known to be unsent', async () => {
      peer.handler = () => '+first\r\nGARBAGE\r\n';
      const client = clientFor();
      await client.connect();
      let second: Promise<unknown> | undefined;
      client.send(encodeCommandBinary(['A']), () => (second = ended(client.request(['B']))));
      await until(() => second !== undefined);
      expect(await second).toBe('ERR_RESP_CONNECTION_LOST unsent');
    });

    test('a reset in the middle of a reply loses that reply only', async () => {
      peer.handler = (_, socket) => {
        socket.write('+whole\r\n$10\r\nhal', () => socket.resetAndDestroy());
        return '';
      };
      const client = clientFor();
      await client.connect();
      const both = [ended(client.request(['A'])), ended(client.request(['B']))];
      expect((await Promise.all(both))[1]).toBe('ERR_RESP_CONNECTION_LOST sent');
    });

    test('bytes that are not RESP, and replies to no request, cost the connection', async () => {
      peer.handler = () => 'HTTP/1.1 400\r\n';
      const causes: unknown[] = [];
      const client = clientFor({ onDown: (error) => causes.push(error.message) });
      await client.connect();
      expect(await ended(client.request(['A']))).toBe('ERR_RESP_CONNECTION_LOST sent');
      peer.handler = () => '+1\r\n+2\r\n';
      await client.connect();
      expect(await client.request(['A'])).toBe('1');
      await until(() => causes.length === 2);
      expect(causes).toEqual([
        expect.stringContaining('unknown type byte'),
        expect.stringContaining('a reply to no request'),
      ]);
    });

    test('requests queue during the first attempt and fail at once after it', async () => {
      const { port } = peer.address;
      await peer.close();
      const client = clientFor({}, { host: '127.0.0.1', port });
      const queued = [ended(client.request(['A'])), ended(client.request(['B']))];
      await expect(client.connect()).rejects.toMatchObject({ code: 'ERR_RESP_NOT_CONNECTED' });
      expect(await Promise.all(queued)).toEqual(Array(2).fill('ERR_RESP_NOT_CONNECTED unsent'));
      expect(['waiting', 'connecting']).toContain(client.state);
      expect(await ended(client.request(['C']))).toBe('ERR_RESP_NOT_CONNECTED unsent');
      await peer.listen(port);
      await until(() => client.state === 'ready');
      expect(await client.request(['ECHO', 'back'])).toBe('back');
    });

    test('backs off exponentially with jitter, up to the maximum', async () => {
      const { port } = peer.address;
      await peer.close();
      const at: number[] = [];
      const options = {
        reconnect: { minMs: 20, maxMs: 80 },
        random: () => 0,
        onDown: () => at.push(performance.now()),
      };
      const client = clientFor(options, { host: '127.0.0.1', port });
      client.connect().catch(() => undefined);
      await until(() => at.length === 5);
      const gaps = at.slice(1).map((time, i) => time - at[i]!);
      [10, 20, 40, 40].forEach((least, i) => expect(gaps[i]).toBeGreaterThanOrEqual(least - 1));
      await peer.listen(port);
    });

    test('a peer that ends the stream is one that went down', async () => {
      const down: string[] = [];
      const client = clientFor({ onDown: (error) => down.push(error.message) });
      await client.connect();
      peer.sockets.forEach((socket) => socket.end());
      await until(() => down.length === 1);
      expect(down).toEqual(['connection closed by the peer']);
      await client.connect();
      expect(await client.request(['ECHO', 'x'])).toBe('x');
    });

    test('without reconnect the next request connects', async () => {
      const client = clientFor({ reconnect: false });
      await client.connect();
      peer.drop();
      await until(() => client.state === 'idle');
      expect(await client.request(['ECHO', 'x'])).toBe('x');
    });

    test('a peer that never accepts the handshake in time fails the attempt', async () => {
      peer.handler = () => '';
      const client = clientFor({ connectTimeoutMs: 30, handshake: [['PING']], reconnect: false });
      expect(await ended(client.request(['A']))).toBe('ERR_RESP_NOT_CONNECTED unsent');
    });
  });

  describe('handshake', () => {
    test('goes first on every connection', async () => {
      const seen: string[] = [];
      peer.handler = ([name, arg]) => (seen.push(`${name} ${arg}`), Reply.OK);
      const client = clientFor({
        handshake: [
          ['AUTH', 'secret'],
          ['HELLO', '3'],
        ],
      });
      await Promise.all([client.request(['A', 1]), client.request(['A', 2])]);
      peer.drop();
      await until(() => seen.length === 6);
      await client.connect();
      await client.request(['A', 3]);
      expect(seen).toEqual(['AUTH secret', 'HELLO 3', 'A 1', 'A 2', 'AUTH secret', 'HELLO 3', 'A 3']);
    });

    test('a refusal fails the attempt, names no argument, and is tried again', async () => {
      let refuse = true;
      peer.handler = ([name]) => (name === 'AUTH' && refuse ? Reply.error('WRONGPASS no') : Reply.OK);
      const client = clientFor({ handshake: [['AUTH', 'secret']] });
      const queued = ended(client.request(['A']));
      const failure: unknown = await client.connect().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'ERR_RESP_HANDSHAKE', cause: { code: 'WRONGPASS' } });
      expect(String(failure)).not.toContain('secret');
      expect(await queued).toBe('ERR_RESP_HANDSHAKE unsent');
      refuse = false;
      await until(() => client.state === 'ready');
      expect(await client.request(['A'])).toBe('OK');
    });
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

  test('a callback that throws is reported and does not break the others', async () => {
    const thrown: unknown[] = [];
    const client = clientFor({ onCallbackError: (error) => thrown.push(error) });
    await client.connect();
    client.send(encodeCommandBinary(['ECHO', 'a']), () => {
      throw new Error('mine');
    });
    expect(await client.request(['ECHO', 'b'])).toBe('b');
    expect(thrown).toEqual([expect.objectContaining({ message: 'mine' })]);
  });

  test('pushes reach onPush, not a request', async () => {
    peer.handler = () => Reply.pushHeader(1, 3) + Reply.bulk('news') + Reply.OK;
    const pushes: RespValue[][] = [];
    const client = clientFor({ onPush: (items) => pushes.push(items) });
    expect(await client.request(['A'])).toBe('OK');
    expect(pushes).toEqual([['news']]);
  });
});
