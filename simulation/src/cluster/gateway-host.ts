import { AuxDataPlane } from '@dcs/master/routing/aux-data-plane';
import { viewAccess } from '@dcs/master/routing/peer-view';
import type { NodeConnection, ReadFrom } from '@dcs/master/routing/ports';
import { ClusterMembership, type Member } from '@dcs/cluster-membership';
import { plainHello } from '@dcs/protocol';
import type { SimProcess } from '../kernel/sim-process.js';
import { SimClient } from '../network/sim-client.js';
import { CLUSTER, clusterClock, type World } from './world.js';

/** Changes how a gateway's messages travel: how the mutants get in. */
export interface GatewaySurgery {
  connection?(connection: NodeConnection, wall: () => number): NodeConnection;
}

export interface GatewayOptions {
  readonly id: string;
  readonly replicas: number;
  /** The highest that nodes are told in the run. */
  readonly maxReplicas: number;
  readonly readFrom: ReadFrom;
}

const HEARTBEAT_MS = 1000;
const LEASE_MS = 3000;
const REQUEST_TIMEOUT_MS = 1000;
const OPERATION_TIMEOUT_MS = 3000;
const MAX_IN_FLIGHT = 10_000;
/** Clients here are few: the budget's reserve would run out before a large gateway's ever does. */
const RETRY_BUDGET_PERCENT = 100;

/** A gateway process: the real routing and membership over simulated ports. */
export class GatewayHost {
  readonly id: string;
  process: SimProcess;
  plane: AuxDataPlane | undefined;
  /** The gateway's wall clock, as far as it knows the time. */
  wall: () => number = () => 0;
  membership: ClusterMembership | undefined;
  /** Replies that routing had no rule for. */
  readonly unexpected: Error[] = [];
  readonly #world: World;
  readonly #options: GatewayOptions;
  readonly #surgery: GatewaySurgery;

  constructor(world: World, options: GatewayOptions, surgery: GatewaySurgery) {
    this.#world = world;
    this.id = options.id;
    this.#options = options;
    this.#surgery = surgery;
    this.process = world.process(options.id);
    this.process.kill();
  }

  /** Its reads go to several replicas, of which one may show a write that is not acknowledged yet before another does. */
  get readsMayDiffer(): boolean {
    return this.#options.readFrom === 'any' && this.#options.maxReplicas > 2;
  }

  get isRunning(): boolean {
    return this.process.isAlive;
  }

  start(): void {
    if (this.isRunning) return;
    const process = this.process.successor();
    this.process = process;
    this.#world.kernel.at(this.#world.kernel.now, process, 'start', () => this.#run(process));
  }

  kill(): void {
    if (!this.isRunning) return;
    const { process } = this;
    process.kill();
    this.#world.network.killed(process);
    this.plane = undefined;
    this.membership = undefined;
  }

  #run(process: SimProcess): void {
    const registry = this.#world.registry.clientOf(process);
    const clock = clusterClock(process, registry);
    const wall = clock.now;
    const membership = new ClusterMembership({
      cluster: CLUSTER,
      registry,
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
      joinTimeoutMs: 600_000,
      clock,
      monotonic: process.monotonic,
      random: process.random.float,
      timers: process.platformTimers,
      peers: viewAccess(() => this.plane!.topology),
    });
    this.wall = wall;
    this.membership = membership;
    this.plane = new AuxDataPlane({
      membership,
      connect: (member) => {
        const connection = this.#connect(process, member);
        return this.#surgery.connection?.(connection, wall) ?? connection;
      },
      time: { wall, now: process.monotonic, after: process.after, afterTurn: process.soon },
      random: process.random.float,
      observer: {
        retried: () => undefined,
        budgetExhausted: () => undefined,
        hedged: () => undefined,
        coalesced: () => undefined,
        unexpected: (error) => void this.unexpected.push(error),
      },
      replicas: this.#options.replicas,
      readFrom: this.#options.readFrom,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      operationTimeoutMs: OPERATION_TIMEOUT_MS,
      retryBudgetPercent: RETRY_BUDGET_PERCENT,
    });
    void membership.start();
  }

  /** As `respConnector` opens them in production. */
  #connect(process: SimProcess, member: Member): NodeConnection {
    const client = new SimClient(process, this.#world.network, {
      host: member.host,
      port: member.dataPort,
      handshake: [plainHello('master', this.id)],
      connectTimeoutMs: REQUEST_TIMEOUT_MS,
      stallTimeoutMs: REQUEST_TIMEOUT_MS,
      maxInFlight: MAX_IN_FLIGHT,
      reconnect: { minMs: 50, maxMs: 500 },
      random: process.random.float,
    });
    client.connect();
    return {
      get connected() {
        return client.connected;
      },
      get inFlight() {
        return client.inFlight;
      },
      send: (command, callback, timeoutMs) => client.send(command, timeoutMs, callback),
      reset: (cause) => client.reset(cause),
      close: async () => client.close(),
    };
  }
}
