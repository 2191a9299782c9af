import { slotOfBinary } from '@dcs/consistent-hash';
import { formatVersion } from '@dcs/protocol';
import { isTombstone, valueOf } from '@dcs/aux/node/entry';
import type { StoredEntry, NodeContents, Placement } from '../checks/copies.js';
import type { Archive } from './archive.js';
import { AuxHost, type NodeSurgery } from './aux-host.js';
import type { DiskOptions } from './disks.js';
import { GatewayHost, type GatewaySurgery } from './gateway-host.js';
import type { ReadFrom } from '@dcs/master/routing/ports';
import type { World } from './world.js';

export interface ClusterOptions {
  readonly nodes: number;
  /** Nodes that are there but do not run yet. */
  readonly spares: number;
  readonly gateways: number;
  readonly replicas: number;
  /** The highest that nodes are told in the run. */
  readonly maxReplicas: number;
  readonly maxEntries: number;
  readonly zones: number;
  /** Of the nodes in turn. */
  readonly weights: readonly number[];
  /** Of the gateways in turn. */
  readonly readFrom: readonly ReadFrom[];
  /** Largest difference of a wall clock from true time, ms. */
  readonly skewMs: number;
  /** Largest difference of a clock's rate from the true one. */
  readonly drift: number;
  readonly tombstoneRetentionMs: number;
  readonly recoveryWaitMs: number;
  /** Of every node; undefined: in memory only. */
  readonly disks: DiskOptions | undefined;
  /** Of all nodes; undefined: no backups. */
  readonly archive: Archive | undefined;
}

export interface Surgery extends NodeSurgery, GatewaySurgery {
  /** Changes classes for the length of a run; returns what puts them back. */
  classes?(): () => void;
}

const POLL_MS = 100;

/** All processes of a run but the clients. */
export class SimCluster {
  readonly world: World;
  readonly options: ClusterOptions;
  readonly nodes: readonly AuxHost[];
  readonly gateways: readonly GatewayHost[];

  constructor(world: World, options: ClusterOptions, surgery: Surgery) {
    this.world = world;
    this.options = options;
    const { replicas, maxReplicas, zones, weights, readFrom, skewMs, drift } = options;
    this.nodes = Array.from(
      { length: options.nodes + options.spares },
      (_, i) =>
        new AuxHost(
          world,
          {
            ...options,
            id: `aux${i + 1}`,
            weight: weights[i % weights.length]!,
            zone: zones > 1 ? `z${i % zones}` : '',
          },
          surgery,
        ),
    );
    this.gateways = Array.from(
      { length: options.gateways },
      (_, i) => new GatewayHost(world, { id: `gw${i + 1}`, replicas, maxReplicas, readFrom: readFrom[i]! }, surgery),
    );
    for (const { process } of [...this.nodes, ...this.gateways]) {
      const random = world.streams.of(`clock ${process.name}`);
      process.setClock({
        offsetMs: Math.round(random.between(-skewMs, skewMs)),
        rate: 1 + random.between(-drift, drift),
      });
    }
  }

  get running(): AuxHost[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  /** Every running node is up, has imported what it owns, and all agree on who is in. */
  get isSettled(): boolean {
    const { running } = this;
    const epoch = running[0]?.node?.ownership.epoch;
    return (
      running.length > 0 &&
      running.every(({ isReady, node }) => isReady && node?.ownership.epoch === epoch) &&
      running[0]!.node!.ownership.up.length === running.length &&
      this.gateways.every(({ isRunning, plane }) => isRunning && plane?.topology.epoch === epoch)
    );
  }

  start(): void {
    for (const node of this.nodes.slice(0, this.options.nodes)) node.start();
    for (const gateway of this.gateways) gateway.start();
  }

  /** Runs until `condition` holds, for `maxMs` at most; returns whether it does. */
  async runUntil(condition: () => boolean, maxMs: number): Promise<boolean> {
    const { kernel } = this.world;
    const end = kernel.now + maxMs;
    while (!condition()) {
      if (kernel.now >= end) return false;
      await kernel.run(Math.min(end, kernel.now + POLL_MS));
    }
    return true;
  }

  /** What the running nodes hold now. */
  contents(): NodeContents[] {
    return this.running.map(({ id, node }) => {
      const entries = new Map<string, StoredEntry>();
      const { store } = node!;
      let cursor = '0';
      do {
        cursor = store.scanAll(cursor, Number.MAX_SAFE_INTEGER, (key, entry) => {
          entries.set(key, { version: formatVersion(entry), value: isTombstone(entry) ? undefined : valueOf(entry) });
          return true;
        })!;
      } while (cursor !== '0');
      return { id, entries, digestOf: (slot) => store.digests.of(slot) };
    });
  }

  /** Where keys belong, by the table that all agree on. */
  placement(): Placement {
    const table = this.running[0]!.node!.ownership.table;
    return { slotOf: slotOfBinary, ownersOf: (slot) => table.ownersOf(slot) };
  }

  async close(): Promise<void> {
    for (const host of [...this.nodes, ...this.gateways]) host.kill();
  }
}
