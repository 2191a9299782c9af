import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Options } from './options.js';
import { hardware, ratio, table } from './report.js';
import { redisUnavailable, redisVersion, startRedis } from './redis-server.js';
import { median } from './statistics.js';

const ENTRIES = 1_000_000;
const VALUE_BYTES = [100, 1024];
const TARGETS = [0.95, 0.9];
const TABLE_SIZES = [10_000, 100_000, 1_000_000];
/** Every measurement is of a million entries, and hardly varies. */
const MOST_ROUNDS = 3;
const TIMEOUT_MS = 300_000;

const child = fileURLToPath(new URL('./memory-workloads.ts', import.meta.url));
const execute = promisify(execFile);

async function run(...args: (string | number)[]): Promise<Record<string, number>> {
  const flags = ['--expose-gc', '--max-old-space-size=4096', ...process.execArgv];
  const { stdout } = await execute(process.execPath, [...flags, child, ...args.map(String)], { timeout: TIMEOUT_MS });
  return JSON.parse(stdout) as Record<string, number>;
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Growth of the resident set of a new `redis-server` per entry. */
async function redisBytes(directory: string, valueBytes: number): Promise<number> {
  const redis = await startRedis(directory);
  try {
    const before = residentBytes(redis.pid);
    const load = ['-p', redis.port, '-t', 'set', '-n', ENTRIES, '-r', 1000 * ENTRIES, '-d', valueBytes, '-P', 16, '-q'];
    await execute('redis-benchmark', load.map(String), { timeout: TIMEOUT_MS });
    const { stdout } = await execute('redis-cli', ['-p', String(redis.port), 'DBSIZE'], { timeout: TIMEOUT_MS });
    return (residentBytes(redis.pid) - before) / Number(stdout);
  } finally {
    await redis.stop();
  }
}

/** `ByteLru` of `@dcs/lru-cache`: bytes per entry against `redis-server`, CPU against `LruCache` with strings. */
export async function benchmarkMemory({ rounds }: Options): Promise<string> {
  const times = Math.min(rounds, MOST_ROUNDS);
  const directory = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  const missing = redisUnavailable();
  try {
    const memory: string[][] = [];
    for (const [i, valueBytes] of VALUE_BYTES.entries()) {
      const ours: number[] = [];
      const counted: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < times; round++) {
        const figures = await run('rss', valueBytes, ENTRIES);
        ours.push(figures.bytes ?? NaN);
        counted.push(figures.counted ?? NaN);
        if (missing === undefined) theirs.push(await redisBytes(directory, valueBytes));
      }
      const part = median(ours) / median(theirs);
      const whole = [median(ours), median(counted), median(theirs)].map((value) => value.toFixed(0));
      memory.push([`${valueBytes} B`, ...whole, ratio(part), `<= ${TARGETS[i]}`]);
    }
    const cpu: string[][] = [];
    for (const entries of TABLE_SIZES) {
      const ours: Record<string, number>[] = [];
      const theirs: Record<string, number>[] = [];
      for (let round = 0; round < times; round++) {
        ours.push(await run('bytes', entries));
        theirs.push(await run('strings', entries));
      }
      const cells = ['get', 'set'].flatMap((name) => {
        const [mine, other] = [ours, theirs].map((runs) => median(runs.map((figures) => figures[name] ?? NaN)));
        return [(mine ?? NaN).toFixed(0), (other ?? NaN).toFixed(0), ratio((other ?? NaN) / (mine ?? NaN))];
      });
      cpu.push([String(entries), ...cells]);
    }
    return report(times, memory, cpu, missing);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function report(rounds: number, memory: string[][], cpu: string[][], missing: string | undefined): string {
  const redis = missing === undefined ? `Redis ${redisVersion()}` : missing;
  return [
    '# ByteLru: memory and CPU',
    '',
    `${hardware()}, ${redis}; medians of ${rounds} interleaved rounds, each in a process of its own.`,
    'Made by `npm run bench -- --only memory`.',
    '',
    '## Bytes per entry at a million entries',
    '',
    'Growth of the resident set; keys of 16 bytes, headers of 16 bytes in `ByteLru`. _Counted_ is what `maxBytes` bounds.',
    '',
    table(['values', 'ByteLru', 'counted', 'redis-server', 'ByteLru / redis-server', 'target'], memory),
    '',
    '## CPU of one operation, ns',
    '',
    'Keys of 16 and values of 100 bytes, at random. Both take bytes and give bytes: `ByteLru` copies the value from and to',
    'a buffer, `LruCache` makes strings of key and value, and writes the value to a buffer. Above 1, `ByteLru` needs less.',
    '',
    table(['entries', 'get', 'LruCache', 'ratio', 'set', 'LruCache', 'ratio'], cpu),
    '',
  ].join('\n');
}
