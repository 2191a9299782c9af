import { checkCopies } from './checks/copies.js';
import { readAll } from './checks/final-reads.js';
import { repeatIncrements } from './checks/tokens.js';
import { check, strayTombstones } from './checks/verdict.js';
import type { Violation } from './checks/violation.js';
import { SimCluster, type Surgery } from './cluster/cluster.js';
import type { DiskChoice } from './cluster/disks.js';
import { type Shape, shapeOf } from './cluster/shape.js';
import { World } from './cluster/world.js';
import type { Fault } from './faults/fault.js';
import { FAULTS, type FaultChoice, faultsOf, SWARM } from './faults/plan.js';
import { type Losses, Scene } from './faults/scene.js';
import { forbidAmbient } from './kernel/ambient.js';
import type { Tracer } from './kernel/kernel.js';
import { Streams } from './kernel/streams.js';
import { History } from './workload/history.js';
import { keysOf } from './workload/keyspace.js';
import { WorkloadClient } from './workload/workload-client.js';

export interface SeedOptions {
  readonly seed: number;
  /** Default: chosen by the seed. */
  readonly faults?: FaultChoice | undefined;
  /** In place of those of the catalogue: a case with a name. */
  readonly custom?: CustomRun | undefined;
  /** Of every node. Default: chosen by the seed. */
  readonly disks?: DiskChoice | undefined;
  readonly surgery?: Surgery | undefined;
  /** Memory is full on every node. */
  readonly tight?: boolean | undefined;
  readonly tracer?: Tracer | undefined;
}

/** A run that is not drawn by a seed. */
export interface CustomRun {
  readonly name: string;
  /** Under which it is counted. */
  readonly kind: string;
  readonly fault: Fault;
  readonly shape: (drawn: Shape) => Shape;
  /** How long the fault phase lasts, ms. */
  readonly durationMs: number;
}

export interface SeedResult {
  readonly seed: number;
  /** What was broken. */
  readonly faults: readonly string[];
  /** Under which the run is counted. */
  readonly kind: string;
  readonly disks: DiskChoice;
  readonly hash: string;
  readonly violations: readonly Violation[];
  readonly operations: number;
  readonly acknowledged: number;
  /** Operations that gave the client an error. */
  readonly failed: number;
  /** Keys whose linearizability was not decided. */
  readonly undecided: number;
  readonly events: number;
  /** Simulated time, ms. */
  readonly simulatedMs: number;
}

const STARTUP_MS = 30_000;
const BEFORE_FAULTS_MS = 1000;
const CONVERGENCE_MS = 40_000;
const QUIET_MS = 9000;
/** Share of the keys that are only read from some time on. */
const COLD_SHARE = 0.4;
/** Where disks are old: share of those that are not used any more. */
const UNUSED_SHARE = 0.75;
const KEYSPACE = { plain: 6, deleted: 6, guarded: 5, counter: 4, expiring: 6 };
/** Where entries are evicted: by those that are still written, of those that are not. */
const WIDE_KEYSPACE = { plain: 20, deleted: 20, guarded: 12, counter: 4, expiring: 8 };
const FAULT_PHASES_MS = [3000, 5000, 9000];
/** Nodes evict whatever else happens. */
const TIGHT: Fault = { evicts: true, inject: () => undefined };

/** One run: start, traffic, faults while traffic flows, healing, then every check. A pure function of its options. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const allowAmbient = forbidAmbient();
  const restoreClasses = options.surgery?.classes?.();
  try {
    return await run(options);
  } finally {
    restoreClasses?.();
    allowAmbient();
  }
}

async function run({ seed, custom, surgery = {}, tracer, ...options }: SeedOptions): Promise<SeedResult> {
  const streams = new Streams(seed);
  const named = custom === undefined ? faultsOf(streams, options.faults) : [];
  const faults = custom === undefined ? named.map((name) => FAULTS[name]) : [custom.fault];
  const tight = options.tight === true;
  const has = (property: keyof Fault): boolean => faults.some((fault) => fault[property] !== undefined);
  const evicts = tight || has('evicts');
  const keys = keysOf(evicts ? WIDE_KEYSPACE : KEYSPACE);
  let keysInUse: readonly string[] = keys;
  let readOnly: ReadonlySet<string> = new Set();
  const drawn = shapeOf(streams, tight ? [...faults, TIGHT] : faults, keys.length, options.disks);
  const shape = custom?.shape(drawn) ?? drawn;
  const world = new World(streams, shape.maxDelayMs, tracer);
  const { kernel } = world;
  const cluster = new SimCluster(world, shape.cluster, surgery);
  world.registry.hintLoss = shape.hintLoss;
  const history = new History();
  const violations: Violation[] = [];

  cluster.start();
  if (!(await cluster.runUntil(() => cluster.isSettled, STARTUP_MS))) {
    violations.push({ check: 'converged', key: '', text: 'the cluster did not come up' });
  }
  const clients = clientsOf(
    cluster,
    history,
    () => keysInUse,
    (key) => readOnly.has(key),
  );
  for (const client of clients) client.start();
  await kernel.run(kernel.now + BEFORE_FAULTS_MS);
  const faultsFrom = kernel.now;
  const minPhaseMs = Math.max(...faults.map((fault) => fault.minPhaseMs ?? 0));
  const durationMs = custom?.durationMs ?? Math.max(minPhaseMs, streams.of('phase').pick(FAULT_PHASES_MS));
  const losses: Losses = { memory: [], power: [] };
  faults.forEach((fault, i) => {
    const random = streams.of(`fault ${named[i] ?? ''}`);
    fault.inject(new Scene({ cluster, random, durationMs, losses }));
  });
  // What nobody writes any more shows longest what came back; where memory is full, reads keep it from being evicted.
  // Where checks excuse nothing, they see that at once, and more writes show more.
  const cold = streams.of('cold');
  const agesDisks = has('agesDisks');
  const some = new Set(cold.shuffled(keys).slice(0, Math.floor(keys.length * (agesDisks ? UNUSED_SHARE : COLD_SHARE))));
  kernel.at(kernel.now + durationMs * cold.between(0.15, 0.8), undefined, 'cold', () => {
    if (!evicts && !has('splits') && !has('loses')) return;
    if (agesDisks) keysInUse = keys.filter((key) => !some.has(key));
    else readOnly = some;
  });
  await kernel.run(kernel.now + durationMs + BEFORE_FAULTS_MS);

  for (const client of clients) client.stop();
  await cluster.runUntil(() => clients.every(({ isIdle }) => isIdle), QUIET_MS);
  // Owners that evict differ: each by what was read from it.
  const differences = (): Violation[] => (evicts ? [] : checkCopies(cluster.contents(), cluster.placement()));
  const healed = await cluster.runUntil(() => cluster.isSettled && differences().length === 0, CONVERGENCE_MS);
  if (!healed) violations.push(...(cluster.isSettled ? differences() : [notSettled(cluster)]));
  if (!evicts && !has('splits')) {
    violations.push(...(await repeatIncrements(cluster, history, Math.max(...losses.memory))));
  }
  const finals = await readAll(cluster, keys, violations);
  const { skewMs, disks } = cluster.options;
  const context = { faults, finals, faultsFrom, skewMs, evicts, losses, durability: disks?.durability };
  const undecided = check(history, context, violations);
  for (const { id, defects } of cluster.nodes) {
    for (const { message } of defects) violations.push({ check: 'defect', key: id, text: message });
  }
  if (evicts) violations.push(...strayTombstones(cluster, history));
  await cluster.close();
  const { operations } = history;
  return {
    seed,
    faults: custom === undefined ? named : [custom.name],
    kind: custom?.kind ?? (named.length === 1 ? named[0]! : SWARM),
    disks: disks?.durability ?? 'none',
    hash: kernel.trace.text,
    violations,
    operations: operations.length,
    acknowledged: operations.filter(({ outcome }) => outcome === 'ok').length,
    failed: operations.filter(({ error }) => error !== undefined && error !== 'ERR_PRECONDITION_FAILED').length,
    undecided,
    events: kernel.events,
    simulatedMs: kernel.now,
  };
}

/** Two on each gateway. */
function clientsOf(
  cluster: SimCluster,
  history: History,
  keys: () => readonly string[],
  isReadOnly: (key: string) => boolean,
): WorkloadClient[] {
  const { kernel, streams } = cluster.world;
  return cluster.gateways.flatMap((gateway) =>
    [1, 2].map((i) => {
      const name = `${gateway.id}.${i}`;
      const random = streams.of(`client ${name}`);
      return new WorkloadClient({ kernel, random, name, gateway, history, keys, isReadOnly, thinkMs: 40 });
    }),
  );
}

function notSettled(cluster: SimCluster): Violation {
  const states = [
    ...cluster.nodes.map(
      ({ id, phase, node, isReady }) =>
        `${id} ${phase} epoch ${node?.ownership.epoch} as ${node?.ownership.self?.state} ` +
        `not in sync ${node?.replication.ledger.unsynced}${isReady ? ' ready' : ''}`,
    ),
    ...cluster.gateways.map(({ id, plane }) => `${id} epoch ${plane?.topology.epoch}`),
  ];
  return { check: 'converged', key: '', text: `not settled after healing: ${states.join('; ')}` };
}
