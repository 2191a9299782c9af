import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startCluster } from '@dcs/launcher';
import { type Options } from './options.js';
import { cpuMeter } from './process-cpu.js';
import { parseRedisBenchmark } from './redis-benchmark.js';
import { redisVersion, startRedis } from './redis-server.js';
import { hardware, perSecond, ratio, table } from './report.js';
import { median } from './statistics.js';

const CLIENTS = 50;
const VALUE_BYTES = 100;
const KEYSPACE = 10_000;
const TARGET_P16 = 0.5;

interface Workload {
  readonly command: 'SET' | 'GET';
  readonly pipeline: number;
  /** About a second's worth. */
  readonly requests: number;
}

const WORKLOADS: readonly Workload[] = [
  { command: 'SET', pipeline: 1, requests: 50_000 },
  { command: 'GET', pipeline: 1, requests: 50_000 },
  { command: 'SET', pipeline: 16, requests: 300_000 },
  { command: 'GET', pipeline: 16, requests: 300_000 },
];

interface Subject {
  readonly name: 'redis' | 'dcs';
  readonly port: number;
  readonly pid: number;
}

interface Measurement {
  readonly perSecond: number;
  /** CPU ns of the server per command. */
  readonly cpu: number;
}

/** One node against redis-server, both loaded by redis-benchmark. Resolves with the report. */
export async function benchmarkResp(options: Options): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  const redis = await startRedis(directory);
  try {
    // In memory, as what it is compared with; what the disk costs, `durability` measures.
    const environment = { ...process.env, DCS_DURABILITY: 'none', DCS_BACKUP_INTERVAL: '0' };
    const cluster = await startCluster({
      masters: 0,
      aux: 1,
      replicas: 1,
      port: 0,
      dataDir: join(directory, 'dcs'),
      environment,
    });
    try {
      const [aux] = cluster.aux;
      if (aux === undefined) throw new Error('the node died');
      return await compare(options, [
        { name: 'redis', port: redis.port, pid: redis.pid },
        { name: 'dcs', port: aux.dataPort, pid: aux.pid },
      ]);
    } finally {
      await cluster.stop();
    }
  } finally {
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function compare({ rounds }: Options, subjects: readonly Subject[]): Promise<string> {
  const rows: string[][] = [];
  const held: string[] = [];
  for (const workload of WORKLOADS) {
    const results = new Map<string, Measurement[]>(subjects.map(({ name }) => [name, []]));
    for (const subject of subjects) await measure(subject, workload); // warm-up
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? subjects : [...subjects].reverse();
      for (const subject of order) results.get(subject.name)?.push(await measure(subject, workload));
    }
    const of = (subject: Subject['name'], field: keyof Measurement) =>
      median((results.get(subject) ?? []).map((measurement) => measurement[field]));
    const rates = of('dcs', 'perSecond') / of('redis', 'perSecond');
    const name = `${workload.command}, ${workload.pipeline} at a time`;
    if (workload.pipeline === 16) held.push(`${name}: ${rates >= TARGET_P16 ? 'held' : 'missed'} (${ratio(rates)})`);
    rows.push([
      name,
      perSecond(of('redis', 'perSecond')),
      perSecond(of('dcs', 'perSecond')),
      ratio(rates),
      of('redis', 'cpu').toFixed(0),
      of('dcs', 'cpu').toFixed(0),
      ratio(of('redis', 'cpu') / of('dcs', 'cpu')),
    ]);
  }
  return [
    '# RESP: one node against redis-server',
    '',
    `${hardware()}, Redis ${redisVersion()}; redis-benchmark, ${CLIENTS} clients, ${VALUE_BYTES}-byte values, ${KEYSPACE} keys, medians of`,
    `${rounds} interleaved rounds. CPU is the server's, in ns per command. Ratios: more is better for us.`,
    '',
    table(['command', 'redis/s', 'dcs/s', 'ratio', 'redis CPU', 'dcs CPU', 'ratio'], rows),
    '',
    `At least ${TARGET_P16.toFixed(2)} of Redis with 16 commands at a time: ${held.join('; ')}.`,
    '',
  ].join('\n');
}

async function measure({ port, pid }: Subject, { command, pipeline, requests }: Workload): Promise<Measurement> {
  const cpu = cpuMeter([pid]);
  const args = ['-p', port, '-t', command.toLowerCase(), '-n', requests, '-c', CLIENTS, '-P', pipeline];
  const { stdout } = await promisify(execFile)(
    'redis-benchmark',
    [...args, '-d', VALUE_BYTES, '-r', KEYSPACE, '--csv'].map(String),
    { timeout: 120_000 },
  );
  return { perSecond: parseRedisBenchmark(stdout, command), cpu: (cpu() ?? NaN) / requests };
}
