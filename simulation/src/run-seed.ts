import { checkCopies } from './checks/copies.js';
import type { FinalValue } from './checks/final-values.js';
import { repeatIncrements } from './checks/tokens.js';
import { check, strayTombstones } from './checks/verdict.js';
import type { Violation } from './checks/violation.js';
import { Archive } from './cluster/archive.js';
import { type ClusterOptions, SimCluster, type Surgery } from './cluster/cluster.js';
import { chooseDisks, type DiskChoice } from './cluster/disks.js';
import { World } from './cluster/world.js';
import type { ReadFrom } from '@dcs/master/routing/ports';
import { DISK_FAULT_NAMES, RESTORE } from './faults/disk-faults.js';
import { faultOf, type FaultName, inject, SPLITTING } from './faults/plan.js';
import type { Losses } from './faults/scene.js';
import { forbidAmbient } from './kernel/ambient.js';
import type { Tracer } from './kernel/kernel.js';
import { Random } from './kernel/random.js';
import { History } from './workload/history.js';
import { keysOf } from './workload/keyspace.js';
import { WorkloadClient } from './workload/workload-client.js';

export interface SeedOptions {
  readonly seed: number;
  /** Default: chosen by the seed. */
  readonly fault?: FaultName | undefined;
  /** Of every node. Default: chosen by the seed. */
  readonly disks?: DiskChoice | undefined;
  readonly surgery?: Surgery | undefined;
  /** Nodes hold fewer entries than there are keys. */
  readonly tight?: boolean | undefined;
  readonly tracer?: Tracer | undefined;
}

export interface SeedResult {
  readonly seed: number;
  readonly fault: FaultName;
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
const FINAL_READ_MS = 15_000;
const QUIET_MS = 9000;
/** One key of so many is used to the end. */
const COLD_SHARE = 4;
const KEYSPACE = { plain: 6, deleted: 5, guarded: 4, counter: 4, expiring: 3 };
const MAX_SKEW_MS = 40;
/** One rack, one region, two far ones: with long ways more is under way when something breaks. */
const MAX_DELAYS_MS = [0.6, 0.6, 4, 25];
/** How many hints of a new view get lost: with all of them processes go by different views for a while. */
const HINT_LOSS = [0.1, 0.1, 0.5, 1];
const FAULT_PHASES_MS = [3000, 5000, 9000];
/** Longer than any node stays away. */
const RECOVERY_WAIT_MS = 30_000;
/** Shorter than the one that is late does. */
const SHORT_RECOVERY_WAIT_MS = 1500;
const TOMBSTONE_RETENTION_MS = 3_600_000;
/** Shorter than a node with an old disk stays away, in most runs. */
const SHORT_TOMBSTONE_RETENTION_MS = 2000;

/** One run: start, traffic, faults while traffic flows, healing, then every check. A pure function of its options. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const allowAmbient = forbidAmbient();
  try {
    return await run(options);
  } finally {
    allowAmbient();
  }
}

async function run(options: SeedOptions): Promise<SeedResult> {
  const plan = new Random(options.seed, 7);
  const fault = options.fault ?? faultOf(options.seed, plan);
  const world = new World(options.seed, plan.pick(MAX_DELAYS_MS), options.tracer);
  const { kernel } = world;
  const cluster = new SimCluster(world, shapeOf(plan, fault, options), options.surgery ?? {});
  world.registry.hintLoss = plan.pick(HINT_LOSS);
  const history = new History();
  const violations: Violation[] = [];
  const keys = keysOf(KEYSPACE);
  let keysInUse: readonly string[] = keys;

  cluster.start();
  if (!(await cluster.runUntil(() => cluster.isSettled, STARTUP_MS))) {
    violations.push({ check: 'converged', key: '', text: 'the cluster did not come up' });
  }
  const sessions = cluster.gateways.flatMap((gateway) =>
    [1, 2].map(
      (i) =>
        new WorkloadClient({
          kernel,
          random: world.random.fork(i),
          name: `${gateway.id}.${i}`,
          gateway,
          history,
          keys: () => keysInUse,
          thinkMs: 40,
        }),
    ),
  );
  for (const session of sessions) session.start();
  await kernel.run(kernel.now + BEFORE_FAULTS_MS);
  const faultsFrom = kernel.now;
  const durationMs = plan.pick(FAULT_PHASES_MS);
  const losses: Losses = { memory: [], power: [] };
  inject(fault, { cluster, random: world.random.fork(9), durationMs, losses });
  if (fault === 'old-disk') {
    // Most keys are left as they are: what nobody writes any more shows longest what came back.
    const coldAt = kernel.now + durationMs * plan.between(0.15, 0.8);
    kernel.at(coldAt, undefined, 'cold', () => (keysInUse = keys.filter((_, i) => i % COLD_SHARE === 0)));
  }
  await kernel.run(kernel.now + durationMs + BEFORE_FAULTS_MS);

  for (const session of sessions) session.stop();
  await cluster.runUntil(() => sessions.every(({ isIdle }) => isIdle), QUIET_MS);
  const healed = await cluster.runUntil(
    () => cluster.isSettled && checkCopies(cluster.contents(), cluster.placement()).length === 0,
    CONVERGENCE_MS,
  );
  violations.push(...(healed ? [] : notConverged(cluster)));
  const tight = options.tight === true;
  if (!tight && !SPLITTING.has(fault)) {
    violations.push(...(await repeatIncrements(cluster, history, Math.max(...losses.memory))));
  }
  const finals = await readAll(cluster, keys, violations);
  const { skewMs, disks } = cluster.options;
  const context = { fault, finals, faultsFrom, skewMs, tight, losses, durability: disks?.durability };
  const undecided = check(history, context, violations);
  for (const { id, defects } of cluster.nodes) {
    for (const { message } of defects) violations.push({ check: 'defect', key: id, text: message });
  }
  if (tight) violations.push(...strayTombstones(cluster));
  await cluster.close();
  const { operations } = history;
  return {
    seed: options.seed,
    fault,
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

function shapeOf(plan: Random, fault: FaultName, { seed, tight, disks }: SeedOptions): ClusterOptions {
  const nodes = plan.pick([3, 3, 4, 5]);
  return {
    nodes,
    spares: fault === RESTORE ? 2 : fault === 'join' || fault === 'crash-in-handoff' ? 1 : 0,
    gateways: 2,
    replicas: plan.pick([2, 2, 2, 3]),
    maxEntries: tight === true ? 8 : 200,
    zones: plan.pick([1, 1, 2]),
    weights: plan.pick([[1], [1], [1, 2]]),
    readFrom: plan.pick<readonly ReadFrom[]>([
      ['primary', 'primary'],
      ['primary', 'primary'],
      ['primary', 'any'],
      ['any', 'any'],
    ]),
    skewMs: plan.pick([0, 5, MAX_SKEW_MS]),
    drift: 0.0002,
    tombstoneRetentionMs:
      fault === 'old-disk' && seed % 2 === 1 ? SHORT_TOMBSTONE_RETENTION_MS : TOMBSTONE_RETENTION_MS,
    recoveryWaitMs: recoveryWaitOf(fault, plan),
    disks: chooseDisks(
      new Random(seed, 8),
      DISK_FAULT_NAMES.some((name) => name === fault),
      disks,
      fault === 'old-disk', // some seconds older is old where a run takes seconds
    ),
    archive: fault === RESTORE ? new Archive() : undefined,
  };
}

function recoveryWaitOf(fault: FaultName, plan: Random): number {
  if (fault === RESTORE) return plan.pick([SHORT_RECOVERY_WAIT_MS, RECOVERY_WAIT_MS]);
  return fault === 'kill-all-one-late' ? SHORT_RECOVERY_WAIT_MS : RECOVERY_WAIT_MS;
}

function notConverged(cluster: SimCluster): Violation[] {
  if (!cluster.isSettled) {
    const states = [
      ...cluster.nodes.map(
        ({ id, phase, node, isReady }) =>
          `${id} ${phase} epoch ${node?.ownership.epoch} as ${node?.ownership.self?.state} ` +
          `unsettled ${node?.replication.ledger.unsynced}${isReady ? ' ready' : ''}`,
      ),
      ...cluster.gateways.map(({ id, plane }) => `${id} epoch ${plane?.topology.epoch}`),
    ];
    return [{ check: 'converged', key: '', text: `not settled after healing: ${states.join('; ')}` }];
  }
  return checkCopies(cluster.contents(), cluster.placement());
}

/** Reads every key through every gateway, until each has answered. */
async function readAll(
  cluster: SimCluster,
  keys: readonly string[],
  violations: Violation[],
): Promise<Map<string, FinalValue[]>> {
  const { kernel } = cluster.world;
  const finals = new Map<string, FinalValue[]>(keys.map((key) => [key, []]));
  let outstanding = 0;
  for (const gateway of cluster.gateways) {
    for (const key of keys) {
      outstanding++;
      const read = (): void => {
        const { plane, process } = gateway;
        if (plane === undefined) return;
        kernel.at(kernel.now, process, 'final', () => {
          plane.get(key).then(
            (entry) => {
              finals.get(key)!.push({ value: entry?.value ?? null, version: entry?.version, at: kernel.now });
              outstanding--;
            },
            () => process.after(100, read),
          );
        });
      };
      read();
    }
  }
  if (!(await cluster.runUntil(() => outstanding === 0, FINAL_READ_MS))) {
    violations.push({ check: 'converged', key: '', text: `${outstanding} final reads were not answered` });
  }
  return finals;
}
