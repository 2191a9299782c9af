import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster } from '@dcs/launcher';
import { BACKUP_COMMAND, PeerAuth, type NodeStats, STATS_COMMAND } from '@dcs/protocol';
import { encodeCommandBinary, RespClient } from '@dcs/resp';
import { type Options } from './options.js';
import { hardware, ratio, table } from './report.js';
import { median } from './statistics.js';

/** What this proves to the node that it knows. */
const SECRET = 'secret-of-the-benchmark';
const ENTRIES = 1_000_000;
const VALUE = 'v'.repeat(100);
const WRITES_IN_TEN = 1;
/** A load that the node has no trouble with: what is to be seen is how long a request waits for something else. */
const REQUESTS_PER_MS = 3;
const CONNECTIONS = 16;
const TIMEOUT_MS = 60_000;
const TARGET_P99 = 2;

interface Window {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly requests: number;
  readonly seconds: number;
}

interface Backup {
  readonly seconds: number;
  readonly bytes: number;
}

/** One node that serves a steady load, with and without a backup of a million entries. Resolves with the report. */
export async function benchmarkBackup({ rounds }: Options): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  const environment = {
    DCS_BACKUP_INTERVAL: '0',
    DCS_DURABILITY: 'none',
    DCS_CLUSTER_SECRET: SECRET,
    DCS_MAX_ENTRIES: String(2 * ENTRIES),
    DCS_MAX_BYTES: String(2 ** 30),
  };
  try {
    const cluster = await startCluster({ masters: 0, aux: 1, replicas: 1, port: 0, dataDir: directory, environment });
    try {
      const [aux] = cluster.aux;
      if (aux === undefined) throw new Error('the node died');
      return await measure(aux.dataPort, rounds);
    } finally {
      await cluster.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(port: number, rounds: number): Promise<string> {
  const peer = new RespClient(
    { host: '127.0.0.1', port },
    { handshake: PeerAuth.ofTool('bench', [SECRET]).handshake() },
  );
  const clients = Array.from({ length: CONNECTIONS }, () => new RespClient({ host: '127.0.0.1', port }));
  try {
    await Promise.all([...clients.map((client) => client.connect()), fill(port)]);
    await load(clients, sleep(3000)); // warm-up
    const without: Window[] = [];
    const during: Window[] = [];
    const backups: Backup[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const backup = backUp(peer);
      during.push(await load(clients, backup));
      backups.push(await backup);
      await sleep(1000);
      without.push(await load(clients, sleep((during.at(-1)?.seconds ?? 1) * 1000)));
    }
    return report(rounds, without, during, backups);
  } finally {
    await Promise.all([peer, ...clients].map((client) => client.close()));
  }
}

function report(
  rounds: number,
  without: readonly Window[],
  during: readonly Window[],
  backups: readonly Backup[],
): string {
  const of = (windows: readonly Window[], field: keyof Window) => median(windows.map((window) => window[field]));
  const row = (name: string, windows: readonly Window[]) => [
    name,
    ...(['p50', 'p99', 'max'] as const).map((field) => of(windows, field).toFixed(2)),
    String(Math.round(of(windows, 'requests') / of(windows, 'seconds'))),
  ];
  const p99 = of(during, 'p99') / of(without, 'p99');
  const seconds = median(backups.map((backup) => backup.seconds));
  const bytes = median(backups.map((backup) => backup.bytes));
  return [
    '# Backup: what serving notices of it',
    '',
    `${hardware()}; one node with ${ENTRIES} entries of ${VALUE.length} bytes, ${REQUESTS_PER_MS * 1000} requests per second on ${CONNECTIONS}`,
    `connections, one in ten a write; latency in ms from when a request was due; medians of ${rounds} interleaved rounds.`,
    '',
    table(['', 'p50', 'p99', 'max', 'requests/s'], [row('no backup', without), row('backup under way', during)]),
    '',
    `A backup takes ${seconds.toFixed(1)} s and ${(bytes / 2 ** 20).toFixed(0)} MiB. p99 less than ${TARGET_P99} times as long: ` +
      `${p99 < TARGET_P99 ? 'held' : 'missed'} (${ratio(p99)}).`,
    '',
  ].join('\n');
}

/** Keeps asking, at a steady rate, until `end` settles. */
async function load(clients: readonly RespClient[], end: Promise<unknown>): Promise<Window> {
  let ended = false;
  void end.finally(() => (ended = true)).catch(() => undefined);
  const latencies: number[] = [];
  const began = performance.now();
  let sent = 0;
  let waiting = 0;
  let failure: Error | undefined;
  while (!ended && failure === undefined) {
    for (; sent < (performance.now() - began) * REQUESTS_PER_MS; sent += 1) {
      const due = began + sent / REQUESTS_PER_MS;
      const key = `key:${Math.floor(Math.random() * ENTRIES)}`;
      const isWrite = sent % 10 < WRITES_IN_TEN;
      waiting += 1;
      clients[sent % clients.length]?.send(
        encodeCommandBinary(isWrite ? ['SET', key, VALUE] : ['GET', key]),
        (error) => {
          waiting -= 1;
          failure ??= error ?? undefined;
          latencies.push(performance.now() - due);
        },
        TIMEOUT_MS,
      );
    }
    await sleep(1);
  }
  while (waiting > 0) await sleep(1);
  if (failure !== undefined) throw failure;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? NaN;
  const seconds = (performance.now() - began) / 1000;
  return { p50: at(0.5), p99: at(0.99), max: at(1), requests: latencies.length, seconds };
}

/** Asks for a backup, and resolves when it is done. */
async function backUp(peer: RespClient): Promise<Backup> {
  const call = (encoded: string) =>
    new Promise<unknown>((resolve, reject) => {
      peer.send(encoded, (error, reply) => (error === null ? resolve(reply) : reject(error)), TIMEOUT_MS);
    });
  const stats = async () => (JSON.parse(String(await call(STATS_COMMAND))) as NodeStats).backup;
  const before = await stats();
  const began = performance.now();
  await call(BACKUP_COMMAND);
  for (;;) {
    await sleep(20);
    const now = await stats();
    if (now === undefined || now.failures > (before?.failures ?? 0)) throw new Error('the backup failed');
    if (now.lastSuccessAt === before?.lastSuccessAt) continue;
    return { seconds: (performance.now() - began) / 1000, bytes: now.bytes };
  }
}

async function fill(port: number): Promise<void> {
  const client = new RespClient({ host: '127.0.0.1', port });
  const batch = 1000;
  for (let from = 0; from < ENTRIES; from += batch) {
    await Promise.all(
      Array.from(
        { length: batch },
        (_, i) =>
          new Promise<void>((resolve, reject) => {
            const encoded = encodeCommandBinary(['SET', `key:${from + i}`, VALUE]);
            client.send(encoded, (error) => (error === null ? resolve() : reject(error)), TIMEOUT_MS);
          }),
      ),
    );
  }
  await client.close();
}
