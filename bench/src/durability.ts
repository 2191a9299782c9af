import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Cluster, startCluster } from '@dcs/launcher';
import { generateLoad, generator, rawRequest } from './load.js';
import { type Options } from './options.js';
import { cpuMeter } from './process-cpu.js';
import { parseRedisBenchmark } from './redis-benchmark.js';
import { hardware, microseconds, perSecond, ratio, table } from './report.js';
import { median } from './statistics.js';

const TARGET = 0.85;
const AUXES = 3;
const CONNECTIONS = 32;
const CLIENTS = 50;
const VALUE_BYTES = 100;
const KEYS = 10_000;
const WARM_UP_SECONDS = 2;
const TIMEOUT_MS = 120_000;

/** What a write is to survive. */
const SUBJECTS = ['none', 'interval'] as const;
type Durability = (typeof SUBJECTS)[number];

interface Measurement {
  readonly perSecond: number;
  /** CPU ns of all nodes per write. */
  readonly cpu: number;
}

interface Workload {
  readonly name: string;
  /** Measures writes to a cluster for a while. */
  readonly measure: (cluster: Cluster, seconds: number) => Promise<Measurement>;
}

const value = 'v'.repeat(VALUE_BYTES);
const requests = Array.from({ length: KEYS }, (_, i) => rawRequest('POST', '/data', { key: `key:${i}`, value }));

const overHttp: Workload = {
  name: `HTTP, one gateway and ${AUXES} nodes`,
  async measure(cluster, seconds) {
    const port = Number(new URL(cluster.masters[0]?.url ?? '').port);
    const cpu = cpuMeter(cluster.aux.map(({ pid }) => pid));
    const load = { host: '127.0.0.1', port, requests, connections: CONNECTIONS, seconds };
    const { requests: count, perSecond: rate } = await generateLoad(load);
    return { perSecond: rate, cpu: (cpu() ?? NaN) / count };
  },
};

/** @param writesPerSecond about so many, to choose their number */
function overResp(pipeline: number, writesPerSecond: number): Workload {
  return {
    name: `RESP, one node, ${pipeline} at a time`,
    async measure(cluster, seconds) {
      const port = cluster.aux[0]?.dataPort;
      const cpu = cpuMeter(cluster.aux.map(({ pid }) => pid));
      const count = Math.ceil(writesPerSecond * seconds);
      const args = ['-p', port, '-t', 'set', '-n', count, '-c', CLIENTS, '-P', pipeline, '-d', VALUE_BYTES, '-r', KEYS];
      const { stdout } = await promisify(execFile)('redis-benchmark', [...args, '--csv'].map(String), {
        timeout: TIMEOUT_MS,
      });
      return { perSecond: parseRedisBenchmark(stdout, 'SET'), cpu: (cpu() ?? NaN) / count };
    },
  };
}

/** SET with `DCS_DURABILITY=interval` against `none`: what the disk costs. Resolves with the report. */
export async function benchmarkDurability(options: Options): Promise<string> {
  const rows = [await compare(overHttp, { masters: 1, aux: AUXES }, options)];
  if (spawnSync('redis-benchmark', ['--version']).error === undefined) {
    rows.push(await compare(overResp(1, 40_000), { masters: 0, aux: 1 }, options));
    rows.push(await compare(overResp(16, 250_000), { masters: 0, aux: 1 }, options));
  }
  const held = rows.map(({ name, rates }) => `${name}: ${rates >= TARGET ? 'held' : 'missed'} (${ratio(rates)})`);
  return [
    '# Durability: SET with DCS_DURABILITY=interval against none',
    '',
    `${hardware()}; ${generator} with ${CONNECTIONS} connections, redis-benchmark with ${CLIENTS} clients, ${VALUE_BYTES}-byte values, ${KEYS} keys,`,
    `medians of ${options.rounds} interleaved rounds of ${options.seconds} s, everything on the same cores. CPU is that of all nodes, in`,
    'microseconds per write. Ratios: more is better for us.',
    '',
    table(
      ['SET over', 'none/s', 'interval/s', 'ratio', 'none CPU', 'interval CPU', 'ratio'],
      rows.map(({ cells }) => cells),
    ),
    '',
    `At least ${TARGET.toFixed(2)} of none: ${held.join('; ')}.`,
    '',
  ].join('\n');
}

async function compare(
  { name, measure }: Workload,
  size: { readonly masters: number; readonly aux: number },
  { rounds, seconds }: Options,
): Promise<{ name: string; rates: number; cells: string[] }> {
  const directory = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  const clusters = new Map<Durability, Cluster>();
  const results = new Map<Durability, Measurement[]>(SUBJECTS.map((subject) => [subject, []]));
  try {
    for (const subject of SUBJECTS) {
      const environment = { ...process.env, DCS_DURABILITY: subject, DCS_BACKUP_INTERVAL: '0' };
      const dataDir = join(directory, subject);
      clusters.set(subject, await startCluster({ ...size, replicas: 1, port: 0, dataDir, environment }));
    }
    for (const cluster of clusters.values()) await measure(cluster, WARM_UP_SECONDS);
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? SUBJECTS : [...SUBJECTS].reverse();
      for (const subject of order) results.get(subject)?.push(await measure(clusters.get(subject)!, seconds));
    }
  } finally {
    for (const cluster of clusters.values()) await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  }
  const of = (subject: Durability, field: keyof Measurement) =>
    median((results.get(subject) ?? []).map((measurement) => measurement[field]));
  const rates = of('interval', 'perSecond') / of('none', 'perSecond');
  const cells = [
    name,
    perSecond(of('none', 'perSecond')),
    perSecond(of('interval', 'perSecond')),
    ratio(rates),
    microseconds(of('none', 'cpu')),
    microseconds(of('interval', 'cpu')),
    ratio(of('none', 'cpu') / of('interval', 'cpu')),
  ];
  return { name, rates, cells };
}
