import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startCluster } from '@dcs/launcher';
import { generateLoad, generator, rawRequest } from './load.js';
import { type Options } from './options.js';
import { cpuMeter } from './process-cpu.js';
import { parseRedisBenchmark } from './redis-benchmark.js';
import { redisUnavailable, redisVersion, startRedis } from './redis-server.js';
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

/** What is written to. */
interface Target {
  readonly port: number;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

type Start = (durability: Durability, directory: string) => Promise<Target>;

interface Workload {
  readonly name: string;
  readonly start: Start;
  /** Measures writes for a while. */
  readonly measure: (target: Target, seconds: number) => Promise<Measurement>;
}

function startOurs(size: { readonly masters: number; readonly aux: number }): Start {
  return async (durability, dataDir) => {
    const environment = { ...process.env, DCS_DURABILITY: durability, DCS_BACKUP_INTERVAL: '0' };
    const cluster = await startCluster({ ...size, replicas: 1, port: 0, dataDir, environment });
    const [master] = cluster.masters;
    return {
      port: master === undefined ? cluster.aux[0]!.dataPort : Number(new URL(master.url).port),
      pids: cluster.aux.map(({ pid }) => pid),
      stop: () => cluster.stop(),
    };
  };
}

/** Its nearest settings: no append-only file, and one that is synced every second. */
const startTheirs: Start = async (durability, directory) => {
  await mkdir(directory);
  const { port, pid, stop } = await startRedis(directory, durability === 'none' ? undefined : 'everysec');
  return { port, pids: [pid], stop };
};

const value = 'v'.repeat(VALUE_BYTES);
const requests = Array.from({ length: KEYS }, (_, i) => rawRequest('POST', '/data', { key: `key:${i}`, value }));

const overHttp: Workload = {
  name: `HTTP, one gateway and ${AUXES} nodes`,
  start: startOurs({ masters: 1, aux: AUXES }),
  async measure({ port, pids }, seconds) {
    const cpu = cpuMeter(pids);
    const load = { host: '127.0.0.1', port, requests, connections: CONNECTIONS, seconds };
    const { requests: count, perSecond: rate } = await generateLoad(load);
    return { perSecond: rate, cpu: (cpu() ?? NaN) / count };
  },
};

/** @param writesPerSecond about so many, to choose their number */
function overResp(name: string, start: Start, pipeline: number, writesPerSecond: number): Workload {
  return {
    name: `${name}, ${pipeline} at a time`,
    start,
    async measure({ port, pids }, seconds) {
      const cpu = cpuMeter(pids);
      const count = Math.ceil(writesPerSecond * seconds);
      const args = ['-p', port, '-t', 'set', '-n', count, '-c', CLIENTS, '-P', pipeline, '-d', VALUE_BYTES, '-r', KEYS];
      const { stdout } = await promisify(execFile)('redis-benchmark', [...args, '--csv'].map(String), {
        timeout: TIMEOUT_MS,
      });
      return { perSecond: parseRedisBenchmark(stdout, 'SET'), cpu: (cpu() ?? NaN) / count };
    },
  };
}

/**
 * SET with `DCS_DURABILITY=interval` against `none`: what the disk costs; and what Redis's append-only file costs Redis,
 * where it is installed. Resolves with the report.
 */
export async function benchmarkDurability(options: Options): Promise<string> {
  const ours = [overHttp];
  const theirs: Workload[] = [];
  if (redisUnavailable() === undefined) {
    const startOne = startOurs({ masters: 0, aux: 1 });
    ours.push(overResp('RESP, one node', startOne, 1, 40_000), overResp('RESP, one node', startOne, 16, 250_000));
    theirs.push(overResp('Redis', startTheirs, 1, 40_000), overResp('Redis', startTheirs, 16, 250_000));
  }
  const rows: Row[] = [];
  for (const workload of ours) rows.push(await compare(workload, options));
  const held = rows.map(({ name, rates }) => `${name}: ${rates >= TARGET ? 'held' : 'missed'} (${ratio(rates)})`);
  for (const workload of theirs) rows.push(await compare(workload, options));
  return [
    '# Durability: SET with DCS_DURABILITY=interval against none',
    '',
    `${hardware()}; ${generator} with ${CONNECTIONS} connections, redis-benchmark with ${CLIENTS} clients, ${VALUE_BYTES}-byte values, ${KEYS} keys,`,
    `medians of ${options.rounds} interleaved rounds of ${options.seconds} s, everything on the same cores. CPU is that of all nodes, in`,
    'microseconds per write. Ratios: 1.00 is a disk that costs nothing.',
    ...(theirs.length === 0
      ? []
      : ['', `Redis ${redisVersion()}: no append-only file, against one with \`appendfsync everysec\`.`]),
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

interface Row {
  readonly name: string;
  readonly rates: number;
  readonly cells: string[];
}

async function compare({ name, start, measure }: Workload, { rounds, seconds }: Options): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  const targets = new Map<Durability, Target>();
  const results = new Map<Durability, Measurement[]>(SUBJECTS.map((subject) => [subject, []]));
  try {
    for (const subject of SUBJECTS) targets.set(subject, await start(subject, join(directory, subject)));
    for (const target of targets.values()) await measure(target, WARM_UP_SECONDS);
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? SUBJECTS : [...SUBJECTS].reverse();
      for (const subject of order) results.get(subject)?.push(await measure(targets.get(subject)!, seconds));
    }
  } finally {
    for (const target of targets.values()) await target.stop();
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
