import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCluster } from '@dcs/launcher';
import { generateLoad, generator, type RawRequest, rawRequest } from './load.js';
import { type Options } from './options.js';
import { cpuMeter } from './process-cpu.js';
import { hardware, microseconds, perSecond, ratio, table } from './report.js';
import { median } from './statistics.js';

const CONNECTIONS = 32;
const KEYS = 1000;
const BULK = 100;
const AUXES = 3;
/** Until the compiler has seen enough of each process. */
const WARM_UP_SECONDS = 2;
const TARGET_GET = 0.6;

const value = 'v'.repeat(100);
const keys = Array.from({ length: KEYS }, (_, index) => `key:${1000 + index}`);
const groups = Array.from({ length: KEYS / BULK }, (_, group) => keys.slice(group * BULK, (group + 1) * BULK));
const items = (group: readonly string[]) => group.map((key) => ({ key, value }));

const WORKLOADS: Readonly<Record<string, readonly RawRequest[]>> = {
  SET: keys.map((key) => rawRequest('POST', '/data', { key, value })),
  GET: keys.map((key) => rawRequest('GET', `/data/${key}`)),
  [`bulk SET, ${BULK} items`]: groups.map((group) => rawRequest('POST', '/data/bulk', items(group))),
  [`bulk GET, ${BULK} items`]: groups.map((group) => rawRequest('POST', '/data/bulk/get', group)),
};

interface Subject {
  readonly name: string;
  readonly port: number;
  /** The process that answers HTTP. */
  readonly front: number;
  /** Those behind it. */
  readonly back: readonly number[];
}

interface Measurement {
  readonly perSecond: number;
  /** CPU ns per request. */
  readonly front: number;
  readonly back: number;
}

/** One gateway before three nodes against a bare Fastify route that answers a constant. Resolves with the report. */
export async function benchmarkHttp(options: Options): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  const bare = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(new URL('bare-route.ts', import.meta.url))],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    // In memory, as what it is compared with; what the disk costs, `durability` measures.
    const environment = { ...process.env, DCS_DURABILITY: 'none', DCS_BACKUP_INTERVAL: '0' };
    const cluster = await startCluster({ masters: 1, aux: AUXES, replicas: 1, port: 0, dataDir, environment });
    try {
      const [master] = cluster.masters;
      if (master === undefined) throw new Error('the gateway died');
      const back = cluster.aux.map(({ pid }) => pid);
      return await compare(options, [
        { name: 'bare', port: await firstLine(bare).then(Number), front: bare.pid ?? 0, back: [] },
        { name: 'dcs', port: Number(new URL(master.url).port), front: master.pid, back },
      ]);
    } finally {
      await cluster.stop();
    }
  } finally {
    bare.kill();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function compare({ rounds, seconds }: Options, subjects: readonly Subject[]): Promise<string> {
  const rows: string[][] = [];
  let getRatio = NaN;
  for (const [name, requests] of Object.entries(WORKLOADS)) {
    const results = new Map<string, Measurement[]>(subjects.map((subject) => [subject.name, []]));
    for (const subject of subjects) await measure(subject, requests, WARM_UP_SECONDS);
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? subjects : [...subjects].reverse();
      for (const subject of order) results.get(subject.name)?.push(await measure(subject, requests, seconds));
    }
    const of = (subject: string, field: keyof Measurement) =>
      median((results.get(subject) ?? []).map((measurement) => measurement[field]));
    const rates = of('dcs', 'perSecond') / of('bare', 'perSecond');
    if (name === 'GET') getRatio = rates;
    rows.push([
      name,
      perSecond(of('bare', 'perSecond')),
      perSecond(of('dcs', 'perSecond')),
      ratio(rates),
      microseconds(of('bare', 'front')),
      microseconds(of('dcs', 'front')),
      ratio(of('bare', 'front') / of('dcs', 'front')),
      microseconds(of('dcs', 'back')),
    ]);
  }
  const head = ['request', 'bare/s', 'dcs/s', 'ratio', 'bare CPU', 'gateway CPU', 'ratio', `${AUXES} nodes CPU`];
  return [
    '# HTTP: one gateway and three nodes against a bare Fastify route',
    '',
    `${hardware()}; ${generator}, ${CONNECTIONS} connections, 100-byte values, medians of ${rounds} interleaved rounds of`,
    `${seconds} s, everything on the same cores. CPU is in microseconds per request. Ratios: more is better for us.`,
    '',
    table(head, rows),
    '',
    `GET at least ${TARGET_GET.toFixed(2)} of the bare route: ${getRatio >= TARGET_GET ? 'held' : 'missed'} (${ratio(getRatio)}).`,
    '',
  ].join('\n');
}

async function measure(subject: Subject, requests: readonly RawRequest[], seconds: number): Promise<Measurement> {
  const front = cpuMeter([subject.front]);
  const back = cpuMeter(subject.back);
  const load = { host: '127.0.0.1', port: subject.port, requests, connections: CONNECTIONS, seconds };
  const { requests: count, perSecond: rate } = await generateLoad(load);
  return { perSecond: rate, front: (front() ?? NaN) / count, back: (back() ?? NaN) / count };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read');
  const [chunk] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer];
  return chunk.toString().trim();
}
