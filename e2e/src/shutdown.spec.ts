import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { type ClusterEvent } from '@dcs/launcher';
import { isAlive } from './child-process.js';
import { type Cluster, clusterView, masterUrl, startTestCluster, temporaryDirectory } from './cluster.js';
import { read, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';

let directory = '';
let cluster: Cluster;
const events: ClusterEvent[] = [];

beforeAll(async () => {
  directory = await temporaryDirectory();
  cluster = await startTestCluster(directory, {
    masters: 2,
    aux: 2,
    env: { DCS_LEASE_MS: '600000' }, // who leaves, leaves by saying so
    onEvent: (event) => events.push(event),
  });
}, 60_000);
afterAll(async () => {
  await cluster.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

/** A PUT of which the first half has been sent. */
async function halfAPut(url: string, key: string): Promise<ClientRequest> {
  const headers = { 'content-type': 'text/plain', 'content-length': 10 };
  const outgoing = request(`${url}/data/${key}`, { method: 'PUT', headers, agent: false });
  outgoing.flushHeaders();
  await once(outgoing, 'socket');
  outgoing.write('first');
  await new Promise((resolve) => setTimeout(resolve, 200)); // the gateway has it by then
  return outgoing;
}

test('a gateway that is told to stop finishes what has begun and takes nothing new', async () => {
  const url = masterUrl(cluster, 1);
  const { hostname, port } = new URL(url);
  const upload = await halfAPut(url, 'slow');
  const stopped = cluster.kill('master-2', 'SIGTERM');
  await eventually(() => expect(refuses(hostname, Number(port))).resolves.toBe(true));
  upload.end('-rest');
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  expect(response.statusCode).toBe(201);
  await stopped;
  expect((await read(masterUrl(cluster), 'slow')).json()).toMatchObject({ value: 'first-rest' });
});

test('an idle keep-alive connection does not hold a gateway up', async () => {
  await cluster.start('master-2');
  const { hostname, port } = new URL(masterUrl(cluster, 1));
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  await cluster.kill('master-2', 'SIGTERM'); // rejects when it had to be killed
  socket.destroy();
});

test('requests that run while a gateway stops are answered', async () => {
  await cluster.start('master-2');
  const url = masterUrl(cluster, 1);
  await store(url, 'running', 'x');
  const running = Array.from({ length: 30 }, () =>
    read(url, 'running').then(
      ({ status }) => String(status),
      ({ code }: NodeJS.ErrnoException) => String(code),
    ),
  );
  const stopped = cluster.kill('master-2', 'SIGTERM');
  // One that had not been accepted yet is refused; none fails.
  for (const outcome of await Promise.all(running)) expect(outcome).toMatch(/^(200|ECONNREFUSED|ECONNRESET)$/);
  await stopped;
});

test('a node that is told to stop leaves the cluster without waiting for its lease', async () => {
  const { name } = await cluster.addAux();
  const url = masterUrl(cluster);
  const owners = async () =>
    (await clusterView(url)).nodes.filter(({ slots }) => slots.primary > 0).map(({ id }) => id);
  await eventually(async () => expect((await owners()).sort()).toEqual(['aux-1', 'aux-2', name]));
  await cluster.kill(name, 'SIGTERM');
  await eventually(async () => expect((await owners()).sort()).toEqual(['aux-1', 'aux-2']));
});

test('everything stops by itself, with exit code 0, and nothing is left', async () => {
  await cluster.start('master-2');
  const pids = [...cluster.masters, ...cluster.aux].map(({ pid }) => pid);
  expect(pids.every(isAlive)).toBe(true);
  const url = masterUrl(cluster);
  await cluster.stop();
  const ends = events.filter((event) => event.type === 'stopped').slice(-4);
  expect(ends.map(({ name }) => name).sort()).toEqual(['aux-1', 'aux-2', 'master-1', 'master-2']);
  for (const end of ends) expect(end).toMatchObject({ exit: { code: 0, signal: null }, killed: false });
  expect(pids.filter(isAlive)).toEqual([]);
  await expect(call(url, '/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(events.filter((event) => event.type === 'died')).toEqual([]);
});

function refuses(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}
