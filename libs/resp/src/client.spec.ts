import type { Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, Peer, until, useClients } from '../test/peer.js';
import { RespClient } from './client.js';
import { encodeCommandBinary } from './command.js';
import { RespError } from './errors.js';
import { Reply } from './reply.js';
import type { RespValue } from './value.js';

describe('RespClient', () => {
  const fixture = useClients();
  const { clientFor } = fixture;
  let peer: Peer;
  beforeEach(() => {
    peer = fixture.peer;
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
      expect(elapsed).toBeLessThan(5000);
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
        const blockedUntil = performance.now() + 1200;
        while (performance.now() < blockedUntil);
        return Reply.OK; // written now, read only after the timer has come due
      };
      const client = clientFor({ requestTimeoutMs: 500 }); // a busy machine needs a part of it to send the request
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
      let downs = 0;
      // A pause is from half of 21, 42, 84 ms and so on up to the whole; which part of it, `random` says.
      const options = { reconnect: { minMs: 21, maxMs: 84 }, random: () => 0.5, onDown: () => downs++ };
      const timers = jest.spyOn(globalThis, 'setTimeout');
      const client = clientFor(options, { host: '127.0.0.1', port });
      client.connect().catch(() => undefined);
      await until(() => downs === 5);
      const pauses = timers.mock.calls.map(([, ms]) => ms).filter((ms) => [15.75, 31.5, 63].includes(ms ?? 0));
      timers.mockRestore();
      expect(pauses.slice(0, 4)).toEqual([15.75, 31.5, 63, 63]);
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

    test('may look at replies: each command goes out when the reply before it is in', async () => {
      const seen: string[] = [];
      peer.handler = ([name, arg]) => (seen.push(`${name} ${arg}`), Reply.simple(`re:${arg}`));
      const client = clientFor({
        *handshake() {
          const first = yield ['HELLO', 'a'];
          if ((yield ['PROVE', String(first)]) !== 're:re:a') throw new Error('not it');
        },
      });
      await client.request(['A', 1]);
      peer.drop();
      await until(() => seen.length === 5);
      expect(seen).toEqual(['HELLO a', 'PROVE re:a', 'A 1', 'HELLO a', 'PROVE re:a']);
    });

    test('that does not like a reply fails the attempt, and sends nothing more', async () => {
      const seen: string[] = [];
      peer.handler = ([name]) => (seen.push(name!), Reply.OK);
      const client = clientFor({
        reconnect: false,
        *handshake() {
          yield ['HELLO'];
          throw new Error('an impostor');
        },
      });
      expect(await ended(client.request(['SET', 'k', 'v']))).toBe('ERR_RESP_HANDSHAKE unsent');
      expect(seen).toEqual(['HELLO']);
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
