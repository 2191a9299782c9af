import type { AuxServer } from '../src/aux-server.js';
import type { NodeBackup, Timers } from '../src/node/ports.js';
import { MemoryDisk } from '../src/persistence/memory-disk.js';
import { Platter } from '../src/persistence/platter.js';
import { eventually, SeveralNodes } from './several-nodes.js';

/** How long a node waits for others with a disk, unless told otherwise. */
const WAIT_MS = 2000;

/** Of one process: they end with it. */
class ProcessTimers implements Timers {
  readonly #pending = new Set<NodeJS.Timeout>();

  #stopped = false;

  after(ms: number, callback: () => void): () => void {
    if (this.#stopped) return () => undefined;
    const handle = setTimeout(() => {
      this.#pending.delete(handle);
      callback();
    }, ms);
    this.#pending.add(handle);
    return () => clearTimeout(handle);
  }

  stop(): void {
    this.#stopped = true;
    for (const handle of this.#pending) clearTimeout(handle);
  }
}

/** Several nodes, each with a disk that outlives its process; and some keys. */
export class DiskNodes {
  readonly keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  readonly cluster = new SeveralNodes();
  readonly platters = new Map<string, Platter>();
  backup: NodeBackup | undefined;
  readonly #timersOf = new Map<string, ProcessTimers>();

  start(
    id: string,
    config: Readonly<Record<string, unknown>> = {},
    loadMs = 0,
    prepare?: (server: AuxServer) => void,
  ): Promise<AuxServer> {
    let platter = this.platters.get(id);
    if (platter === undefined) this.platters.set(id, (platter = new Platter()));
    const timers = this.timersFor(id);
    const disk = new MemoryDisk({ platter, timers, now: Date.now, syncMs: 100, checkpointMs: 100, loadMs });
    return this.cluster.start(
      id,
      { disk, ...(this.backup === undefined ? {} : { backup: this.backup }) },
      { recoveryWaitMs: WAIT_MS, recoveryGraceMs: 300, ...config },
      prepare,
    );
  }

  /** Timers of a process that is about to start, which end with it. */
  timersFor(id: string): Timers {
    const timers = new ProcessTimers();
    this.#timersOf.set(id, timers);
    return timers;
  }

  async startAll(ids: readonly string[], config: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await Promise.all(ids.map((id) => this.start(id, config)));
    await this.cluster.inSync();
  }

  async crash(...ids: string[]): Promise<void> {
    for (const id of ids) this.#timersOf.get(id)!.stop();
    const { nodes } = this.cluster;
    await Promise.all(nodes.filter(({ node }) => ids.includes(node.id)).map((node) => this.cluster.crash(node)));
  }

  /** The disks have seen the view that is, and agree. */
  async noted(): Promise<void> {
    const { nodes } = this.cluster;
    const { epoch } = nodes[0]!.node.ownership;
    await eventually(() =>
      nodes.every(({ node }) => {
        const { historyId, views } = this.platters.get(node.id)!.identity ?? { historyId: '', views: [] };
        return (
          views.length === 1 && views[0]!.epoch === epoch && historyId === nodes[0]!.node.replication.recovery.historyId
        );
      }),
    );
  }

  async fill(): Promise<void> {
    await Promise.all(this.keys.map((key) => this.cluster.set(key, `value of ${key}`)));
    await this.noted();
  }

  async expectAll(): Promise<void> {
    for (const key of this.keys) {
      expect(await this.cluster.get(key)).toBe(`value of ${key}`);
      const copies = this.cluster.ownersOf(key).map((server) => this.cluster.stored(server, key));
      expect(copies).toEqual(copies.map(() => `value of ${key}`));
    }
  }

  async close(): Promise<void> {
    for (const timers of this.#timersOf.values()) timers.stop();
    await this.cluster.close();
  }
}
