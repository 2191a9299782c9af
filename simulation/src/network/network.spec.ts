import { Reply, RequestDecoder, encodeCommandBinary } from '@dcs/resp';
import { Kernel } from '../kernel/kernel.js';
import { Random } from '../kernel/random.js';
import { SimProcess } from '../kernel/sim-process.js';
import { type Connection, Network } from './network.js';
import { SimClient } from './sim-client.js';

const ECHO = (text: string): string => encodeCommandBinary(['ECHO', text]);

/** A server that echoes, and a client of it. */
function setup() {
  const kernel = new Kernel();
  const random = new Random(1);
  const network = new Network(kernel, random, 1);
  const a = new SimProcess(kernel, 'a', random);
  const b = new SimProcess(kernel, 'b', random);
  const executed: string[] = [];
  network.listen('b', 1, {
    process: b,
    accept: (connection: Connection) => {
      const decoder = new RequestDecoder();
      return {
        onBytes: (bytes) => {
          decoder.push(Buffer.from(bytes, 'latin1'));
          while (decoder.next()) {
            if (decoder.upper(0) === 'ECHO') executed.push(decoder.binary(1));
            connection.toClient(Reply.bulk(decoder.binary(decoder.argc - 1)));
          }
        },
        onClose: () => undefined,
      };
    },
  });
  const client = new SimClient(a, network, {
    ...{ host: 'b', port: 1, handshake: [['PING']], connectTimeoutMs: 500, stallTimeoutMs: 1000, maxInFlight: 100 },
    ...{ reconnect: { minMs: 50, maxMs: 500 }, random: random.float },
  });
  const answers: string[] = [];
  const echo = (text: string, timeoutMs = 200): void =>
    client.send(ECHO(text), timeoutMs, (error, reply) =>
      answers.push(error === null ? String(reply) : `${text}: ${(error as Error & { code: string }).code}`),
    );
  return { kernel, network, a, b, client, executed, answers, echo };
}

test('requests of one connection are executed and answered in order', async () => {
  const { kernel, echo, answers } = setup();
  for (let i = 0; i < 50; i++) kernel.at(i / 10, undefined, 'e', () => echo(`${i}`));
  await kernel.run(100);
  expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
});

test('a dead process refuses, and requests fail at once until the next attempt', async () => {
  const { kernel, network, b, echo, answers } = setup();
  b.kill();
  network.killed(b);
  echo('x');
  await kernel.run(10);
  echo('y');
  expect(answers).toEqual(['x: ERR_RESP_NOT_CONNECTED', 'y: ERR_RESP_NOT_CONNECTED']);
});

test('while the way is cut requests time out; what was on the way is still executed later, once', async () => {
  const { kernel, network, a, b, echo, answers, executed } = setup();
  echo('before');
  await kernel.run(50);
  network.cut(a, b);
  echo('during');
  await kernel.run(400);
  expect(answers).toEqual(['before', 'during: ERR_RESP_TIMEOUT']);
  network.heal(a, b);
  await kernel.run(3000);
  echo('after');
  await kernel.run(4000);
  expect(executed).toEqual(['before', 'during', 'after']);
  expect(answers.at(-1)).toBe('after');
});

test('a request may be executed and its answer lost', async () => {
  const { kernel, network, a, b, echo, answers, executed } = setup();
  echo('before');
  await kernel.run(50);
  network.cut(b, a);
  echo('lost', 5000);
  await kernel.run(100);
  for (const connection of network.between(a, b)) connection.reset();
  await kernel.run(120);
  expect(executed).toEqual(['before', 'lost']);
  expect(answers).toEqual(['before', 'lost: ERR_RESP_CONNECTION_LOST']);
});

test('a paused process answers when it runs again; its client has given up by then', async () => {
  const { kernel, b, echo, answers, executed } = setup();
  echo('before');
  await kernel.run(50);
  b.pause();
  echo('x');
  await kernel.run(300);
  expect(answers).toEqual(['before', 'x: ERR_RESP_TIMEOUT']);
  b.resume();
  await kernel.run(400);
  expect(executed).toEqual(['before', 'x']);
  expect(answers).toHaveLength(2);
});

test('a connection that stays silent after a time-out is given up and made anew', async () => {
  const { kernel, network, a, b, echo, answers } = setup();
  echo('before');
  await kernel.run(50);
  network.cut(b, a);
  echo('x');
  await kernel.run(2000);
  network.heal(b, a);
  await kernel.run(4000);
  echo('after');
  await kernel.run(5000);
  expect(answers).toEqual(['before', 'x: ERR_RESP_TIMEOUT', 'after']);
});
