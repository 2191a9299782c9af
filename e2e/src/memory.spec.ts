import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { masterUrl, useCluster } from './cluster.js';
import { put, read, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';

const MIB = 2 ** 20;
const KIB = 1024;
/** What apps/master/README.md says of a process apart from its heap, its two budgets and its connections. */
const NODE_BYTES = 80 * MIB;
const CONNECTION_BYTES = 32 * KIB;
const ATTACK_MS = 500;
const RECOVERY = { timeoutMs: 25_000 };

// A gateway with little memory: what is not bounded in bytes ends it.
const cluster = useCluster({ aux: 1, replicas: 1, env: { NODE_OPTIONS: '--max-old-space-size=128' } });
const url = () => masterUrl(cluster());

/** The most memory that the gateway has had, in bytes. */
function peak(): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${cluster().masters[0]!.pid}/status`, 'utf8'))!;
  return Number(kib) * KIB;
}

/** Of bodies, and of answers; the heap is four times as large. */
let budgetBytes = 0;

const GET = (key: string) => `GET /data/${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const POST = `POST /data/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${8 * MIB}\r\n\r\n`;
const UNFINISHED = Buffer.concat([Buffer.from(POST), Buffer.alloc(4 * MIB, '[')]);
const BULK = JSON.stringify(Array.from({ length: 20 }, (_, i) => `worst-${i}`));
const BULK_GET = `POST /data/bulk/get HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${BULK.length}\r\n\r\n${BULK}`;

beforeAll(async () => {
  const metrics = (await call(url(), '/metrics')).text;
  budgetBytes = Number(/^dcs_http_buffer_limit_bytes\{kind="answers".*\} (\S+)$/m.exec(metrics)![1]);
  // Every byte becomes six when it is read as JSON.
  for (let i = 0; i < 20; i++) expect((await put(url(), `worst-${i}`, Buffer.alloc(MIB, 0x01))).status).toBe(201);
  expect((await store(url(), 'small', 1)).status).toBe(200);
});

test.each<[string, number, (index: number) => string | Buffer]>([
  ['1000 pipelined reads of a large value', 1, () => GET('worst-0').repeat(1000)],
  ['100 connections, each with 1500 pipelined reads', 100, () => GET('none').repeat(1500)],
  ['150 readers of one large value', 150, () => GET('worst-0')],
  ['200 readers of 20 large values', 200, (i) => GET(`worst-${i % 20}`)],
  ['100 unfinished bodies of 4 MiB', 100, () => UNFINISHED],
  ['30 bulk reads of 20 MiB', 30, () => BULK_GET],
  ['100 connections, each with 8 descriptions of the API', 100, () => GET('../docs-json').replace('/data/..', '').repeat(8)], // prettier-ignore
  ['1000 connections whose headers do not end', 1000, () => `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(15_000)}`], // prettier-ignore
])(
  '%s, and nothing is read: memory stays below the sum of its bounds',
  async (_, connections, request) => {
    const { hostname, port } = new URL(url());
    const sockets: Socket[] = [];
    for (let i = 0; i < connections; i++) {
      const socket = connect(Number(port), hostname, () => socket.write(request(i)));
      socket.on('error', () => undefined);
      sockets.push(socket.pause());
    }
    await sleep(ATTACK_MS);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => expect((await read(url(), 'small')).status).toBe(200), RECOVERY);
    await eventually(async () => {
      const metrics = (await call(url(), '/metrics')).text;
      expect(metrics).toMatch(/^dcs_http_buffer_bytes\{kind="bodies".*\} 0$/m);
      expect(metrics).toMatch(/^dcs_http_buffer_bytes\{kind="answers".*\} 0$/m);
    }, RECOVERY);
    expect(peak()).toBeLessThan(6 * budgetBytes + NODE_BYTES + connections * CONNECTION_BYTES);
  },
  60_000,
);
