import { Dispatcher } from '@dcs/aux/gate/dispatcher';
import type { ServerContext } from '@dcs/aux/commands/session';
import { commandTable } from '@dcs/aux/commands/table';
import { CacheNode } from '@dcs/aux/cache-node';
import { MemoryDisk } from '@dcs/aux/persistence/memory-disk';
import { Platter } from '@dcs/aux/persistence/platter';
import { peerAccess } from '@dcs/aux/replication/peers/peer-access';
import type { PeerLink } from '@dcs/aux/node/ports';
import type { ReplicationTuning } from '@dcs/aux/replication/replication';
import {
  type ClusterClock,
  ClusterMembership,
  type Member,
  MemberSupersededError,
  type Registry,
} from '@dcs/cluster-membership';
import { PLACEMENT_VERSION } from '@dcs/consistent-hash';
import { ApiTokens } from '@dcs/environment';
import { PeerAuth, plainHello } from '@dcs/protocol';
import type { SimProcess } from '../kernel/sim-process.js';
import { ServerConnection } from '../network/server-connection.js';
import { SimClient } from '../network/sim-client.js';
import type { Archive } from './archive.js';
import type { DiskOptions } from './disks.js';
import { CLUSTER, clusterClock, type World } from './world.js';

export interface AuxOptions {
  readonly id: string;
  readonly replicas: number;
  readonly maxEntries: number;
  readonly weight: number;
  readonly zone: string;
  readonly tombstoneRetentionMs: number;
  readonly recoveryWaitMs: number;
  /** Absent: in memory only. */
  readonly disks: DiskOptions | undefined;
  /** Absent: no backups. */
  readonly archive: Archive | undefined;
}

/** Changes what a node is made of, or how its messages travel, before it starts: how the mutants get in. */
export interface NodeSurgery {
  node?(node: CacheNode): void;
  link?(link: PeerLink, node: () => CacheNode): PeerLink;
}

export const DATA_PORT = 7000;
const HTTP_PORT = 8000;
const HEARTBEAT_MS = 1000;
const LEASE_MS = 3000;
/** As in production: see `RespTransport`. */
const PEER_CLIENT = {
  connectTimeoutMs: 500,
  stallTimeoutMs: 1000,
  maxInFlight: 50_000,
  reconnect: { minMs: 50, maxMs: 500 },
};
/** Shorter than in production, so that a run need not be long; the relations between them are the same. */
const TUNING: ReplicationTuning = { antiEntropyIntervalMs: 2000, releaseGraceMs: 1500 };
const HAND_OVER_MS = 20_000;
const HAND_OVER_POLL_MS = 50;
/** Bounds that no run comes near, so small that a node costs little to make. */
const MAX_TOMBSTONES = 200;
const RECENT_OPERATIONS = 4096;

/** An aux process on its machine: starts, is paused, killed, told to leave, started again. */
export class AuxHost {
  readonly id: string;
  process: SimProcess;
  node: CacheNode | undefined;
  membership: ClusterMembership | undefined;
  disk: MemoryDisk | undefined;
  /** What is on its disk, whatever becomes of its processes. */
  readonly platter = new Platter();
  /** Errors that the process itself reported: none may be. */
  readonly defects: Error[] = [];
  readonly #world: World;
  readonly #options: AuxOptions;
  readonly #surgery: NodeSurgery;
  /** No secret: nothing is drawn and nothing is proven. */
  readonly #peers: PeerAuth;
  #weight: number;
  #replicas: number;
  #connections = 0;
  #phase: 'down' | 'starting' | 'up' | 'leaving' = 'down';

  constructor(world: World, options: AuxOptions, surgery: NodeSurgery) {
    this.#world = world;
    this.#options = options;
    this.#surgery = surgery;
    this.#peers = new PeerAuth({
      ...{ role: 'aux', id: options.id, address: () => `${options.id}:${DATA_PORT}`, cluster: CLUSTER, secrets: [] },
      ...{ nonce: () => '0'.repeat(32), monotonic: () => world.kernel.now },
    });
    this.#weight = options.weight;
    this.#replicas = options.replicas;
    this.id = options.id;
    this.process = world.process(options.id);
    this.process.kill();
  }

  get isRunning(): boolean {
    return this.#phase !== 'down';
  }

  get phase(): string {
    return this.#phase;
  }

  /** As the ops port's readiness has it. */
  get isReady(): boolean {
    const { node, disk } = this;
    if (this.#phase !== 'up' || node?.ownership.self?.state !== 'up' || disk?.refusal !== undefined) return false;
    const { unsynced, blocked } = node.replication.ledger;
    return unsynced === 0 && blocked === 0;
  }

  start(): void {
    if (this.isRunning) return;
    this.#phase = 'starting';
    const process = this.process.successor();
    this.process = process;
    const replicas = this.#replicas;
    const { id, maxEntries, tombstoneRetentionMs, recoveryWaitMs, disks, archive } = this.#options;
    const registry = this.#world.registry.clientOf(process);
    const clock = clusterClock(process, registry);
    const { now } = clock;
    const disk =
      disks === undefined ? undefined : new MemoryDisk({ ...disks, platter: this.platter, timers: process, now });
    const node: CacheNode = new CacheNode(
      {
        ...TUNING,
        id,
        replicas,
        maxEntries,
        maxBytes: 2 ** 30,
        maxValueBytes: 2 ** 20,
        tombstoneRetentionMs,
        recoveryWaitMs,
        maxTombstones: MAX_TOMBSTONES,
        recentOperations: RECENT_OPERATIONS,
      },
      {
        now,
        monotonic: process.monotonic,
        random32: () => process.random.uint32(),
        timers: process,
        transport: {
          open: (member) => {
            const link = this.#open(process, member);
            return this.#surgery.link?.(link, () => node) ?? link;
          },
        },
        refreshView: async (minEpoch) => this.membership?.refresh(minEpoch),
        standing: () => this.membership,
        ...(disk === undefined ? {} : { disk }),
        ...(archive === undefined ? {} : { backup: archive.readBy(process) }),
      },
    );
    this.node = node;
    this.disk = disk;
    this.#surgery.node?.(node);
    this.#listen(process, node);
    this.#world.kernel.at(
      this.#world.kernel.now,
      process,
      'start',
      () => void this.#run(process, node, registry, clock),
    );
  }

  /** Its share of the slots from now on: told to the registry by a node that is up, and by later processes. */
  reweigh(weight: number): void {
    this.#weight = weight;
    if (this.#phase !== 'up') return;
    const { process, membership } = this;
    this.#world.kernel.at(this.#world.kernel.now, process, 'reweigh', () => {
      membership!.update({ weight }).catch(() => undefined); // the next heartbeat carries it
    });
  }

  /** How many copies of a slot its next process is told. */
  setReplicas(replicas: number): void {
    this.#replicas = replicas;
  }

  pause(): void {
    this.process.pause();
  }

  resume(): void {
    this.process.resume();
  }

  /** kill -9: its memory is gone. */
  kill(): void {
    if (!this.isRunning) return;
    this.#phase = 'down';
    const { process } = this;
    process.kill();
    this.#world.network.killed(process);
    this.node = undefined;
    this.membership = undefined;
    this.disk = undefined;
  }

  /** Its last backup is made, its process is killed, and its disk is gone. */
  loseDisk(): void {
    if (this.node !== undefined) this.#options.archive?.add(this.node.store);
    this.kill();
    this.platter.wipe();
  }

  /** Its machine is without power: what its disk has not synced is gone, but for the first part of it. */
  losePower(): void {
    this.#world.network.switchOff(this.process);
    this.kill();
    this.platter.losePower(this.process.random.float());
  }

  /** Its machine has power again. */
  powerOn(): void {
    this.#world.network.switchOn(this.process);
    this.start();
  }

  /** SIGTERM: hands its slots over, leaves, ends. */
  leave(): void {
    if (this.#phase !== 'up') return;
    this.#phase = 'leaving';
    const { process } = this;
    this.#world.kernel.at(this.#world.kernel.now, process, 'leave', () => void this.#leave(process));
  }

  #open(process: SimProcess, member: Member): PeerLink {
    const client = new SimClient(process, this.#world.network, {
      ...PEER_CLIENT,
      host: member.host,
      port: member.dataPort,
      handshake: [plainHello('aux', this.id)],
      random: process.random.float,
    });
    return {
      send: (encoded, timeoutMs, callback) => client.send(encoded, timeoutMs, callback),
      reset: (cause) => client.reset(cause),
      close: () => client.close(),
    };
  }

  #listen(process: SimProcess, node: CacheNode): void {
    const dispatcher = new Dispatcher({ commands: commandTable, monotonicNow: process.monotonic });
    const context: ServerContext = {
      node,
      version: '0.0.0',
      tokens: new ApiTokens([]),
      closedToStrangers: false,
      peers: this.#peers,
      drain: () => this.leave(),
      clients: () => [],
      startedAt: process.wall(),
      port: () => DATA_PORT,
      commands: commandTable,
      commandsProcessed: () => dispatcher.processed,
      maxReplyBytes: 32 * 2 ** 20,
    };
    this.#world.network.listen(this.id, DATA_PORT, {
      process,
      accept: (connection) =>
        new ServerConnection(++this.#connections, process, connection, context, dispatcher, () => node.watch.check()),
    });
  }

  /** What `AuxServer.start` does, over simulated ports. */
  async #run(process: SimProcess, node: CacheNode, registry: Registry, clock: ClusterClock): Promise<void> {
    const replicas = this.#replicas;
    const { id, zone } = this.#options;
    node.start();
    const membership = new ClusterMembership({
      cluster: CLUSTER,
      registry,
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
      joinTimeoutMs: 600_000,
      clock,
      peers: peerAccess(node.replication.peers, () => this.membership?.self),
      isLagging: () => node.watch.isLagging,
      monotonic: process.monotonic,
      random: process.random.float,
      timers: process.platformTimers,
      self: {
        ...{ id, host: id, dataPort: DATA_PORT, httpPort: HTTP_PORT, weight: this.#weight, zone, state: 'joining' },
        settings: { replicas, placement: PLACEMENT_VERSION, protocol: this.#peers.versions },
      },
    });
    this.membership = membership;
    membership.on('view', (view) => {
      this.#world.kernel.note(id, `view ${view.epoch} ${view.members.map((m) => `${m.id}:${m.state}`).join(' ')}`);
      node.applyView(view);
    });
    membership.on('clock', (gapMs) => {
      this.#world.kernel.note(id, `clock drawn anew: ${gapMs}`);
      node.stoodStill();
    });
    membership.on('readmitted', () => {
      this.#world.kernel.note(id, 'readmitted');
      node.replication.readmitted();
    });
    membership.on('registry', ({ error }) => {
      if (error instanceof MemberSupersededError) this.defects.push(error);
    });
    const before = await registry.read(CLUSTER).catch(() => undefined);
    await membership.join();
    await node.replication.recovery.prepare(before);
    if (this.process !== process || this.#phase !== 'starting') return;
    await membership.update({ state: 'up' }).catch(() => undefined); // the next heartbeat carries it
    if (this.process === process && this.#phase === 'starting') this.#phase = 'up';
  }

  /** What `AuxServer.close` does. */
  async #leave(process: SimProcess): Promise<void> {
    const node = this.node!;
    const membership = this.membership!;
    const { disk } = this;
    const { copyRelease, hints, recovery } = node.replication;
    await membership.update({ state: 'leaving' }).catch(() => undefined);
    const deadline = process.monotonic() + HAND_OVER_MS;
    const left = (): number =>
      recovery.isRecovering || node.ownership.up.length === 0 ? 0 : copyRelease.unsafeSlots + hints.size;
    while (left() > 0 && process.monotonic() < deadline) {
      hints.flush();
      copyRelease.check();
      await new Promise<void>((resolve) => process.after(HAND_OVER_POLL_MS, resolve));
    }
    this.#world.kernel.note(this.id, `leaves with ${left()} to hand over`);
    await membership.leave().catch(() => undefined);
    await node.close();
    await disk?.close();
    if (this.process === process) this.kill();
  }
}
