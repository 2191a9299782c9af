import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type { Dispatcher } from '../gate/dispatcher.js';
import type { ServerContext } from '../commands/session.js';
import { Connection, DEFAULT_LIMITS } from './connection.js';

const LINGER_MS = 60;

let server: Server;
const defects: unknown[] = [];
/** What the command does. */
let run: () => string = () => '+OK\r\n';

beforeAll(async () => {
  const node = { now: () => 0, watch: { check: () => undefined } };
  const context = { node, peers: {}, tokens: { required: false } } as unknown as ServerContext;
  const dispatcher = { execute: () => run() } as unknown as Dispatcher;
  server = createServer((socket) => {
    const limits = { ...DEFAULT_LIMITS, maxBulkBytes: 1000, maxRequestBytes: 1000, lingerMs: LINGER_MS };
    new Connection({
      ...{ id: 1, socket, context, dispatcher, limits, onSlowReader: () => undefined, onClose: () => undefined },
      flushSoon: (connection) => setImmediate(() => connection.flush()),
      onDefect: (thrown) => defects.push(thrown),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

/** Sends this, and then a few bytes again and again; resolves with what came back when the connection has ended. */
function trickle(first: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(first, 'latin1');
  const more = setInterval(() => socket.write('1234567'), LINGER_MS / 4);
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.on('close', () => {
      clearInterval(more);
      resolve(received);
    });
  });
}

test.each(['*1\r\n$zz\r\n', '*x\r\n', `*1\r\n$\0${'x'.repeat(70_000)}`, 'x'.repeat(70_000)])(
  'a client that broke the protocol cannot keep its connection by sending on: %.20j',
  async (bytes) => {
    expect(await trickle(bytes)).toMatch(/^-ERR Protocol error/);
  },
);

test('what a connection throws cuts it, and is told', async () => {
  run = () => {
    throw new TypeError('a defect');
  };
  expect(await trickle('*1\r\n$4\r\nPING\r\n')).toBe('');
  expect(defects).toEqual([expect.any(TypeError)]);
});
