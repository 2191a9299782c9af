import { ClusterClock, type Registry } from '@dcs/cluster-membership';
import { SlotTable } from '@dcs/consistent-hash';
import { Kernel, type Tracer } from '../kernel/kernel.js';
import { SimProcess } from '../kernel/sim-process.js';
import { type Streams } from '../kernel/streams.js';
import { Network } from '../network/network.js';
import { SimRegistry } from '../registry/sim-registry.js';

export const CLUSTER = 'sim';

/** What all processes of a run share: the clock, the network, the registry, and the sources of chance. */
export class World {
  readonly kernel: Kernel;
  readonly streams: Streams;
  readonly network: Network;
  readonly registry: SimRegistry;

  constructor(streams: Streams, maxDelayMs: number, tracer?: Tracer) {
    memoizeSlotTables();
    this.kernel = new Kernel(tracer);
    this.streams = streams;
    this.network = new Network(this.kernel, streams.of('network'), maxDelayMs);
    this.registry = new SimRegistry(this.kernel, streams.of('registry'), CLUSTER);
  }

  process(name: string): SimProcess {
    return new SimProcess(this.kernel, name, this.streams.of(`process ${name}`));
  }
}

/** The cluster's time in a process, as `AuxServer` and `Gateway` make it. */
export function clusterClock(process: SimProcess, registry: Registry): ClusterClock {
  return new ClusterClock({ reading: () => registry.clockReading, monotonic: process.monotonic, wall: process.wall });
}

const MAX_TABLES = 2000;
const buildTable = SlotTable.build.bind(SlotTable);
const tables = new Map<string, SlotTable>();
let memoized = false;

/**
 * Every process builds the table of the same few member sets: a pure function of its arguments, so that one table can
 * serve all of them. Without this most of a run's time would go into it.
 */
function memoizeSlotTables(): void {
  if (memoized) return;
  memoized = true;
  SlotTable.build = (members, options): SlotTable => {
    const list = [...members];
    const key = JSON.stringify([list.map(({ id, weight, zone }) => [id, weight, zone]), options?.replicas]);
    let table = tables.get(key);
    if (table === undefined) {
      if (tables.size >= MAX_TABLES) tables.clear();
      tables.set(key, (table = buildTable(list, options)));
    }
    return table;
  };
}
