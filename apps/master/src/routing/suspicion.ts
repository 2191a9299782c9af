import { encodeCommandBinary } from '@dcs/resp';
import { type NodeConnection, type Random, type Time } from './ports.js';

/** What this gateway thinks of a node; part of the node, so that looking costs nothing. */
export interface Health {
  suspect: boolean;
  /** Attempts that timed out since the last answer. */
  timeouts: number;
}

export interface SuspicionOptions {
  readonly time: Time;
  readonly random: Random;
}

interface Suspect {
  readonly health: Health;
  readonly connection: NodeConnection;
}

const PING = encodeCommandBinary(['PING']);
/** One reply may be late for many reasons. */
const TIMEOUTS_TO_SUSPECT = 2;
const PROBE_TIMEOUT_MS = 250;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;
/** An attempt that ended later than its timeout by so much ended late because of this process. */
export const LAG_MS = 150;

/**
 * A circuit breaker per node: after a lost connection, or two timeouts in a row, a node is a suspect and is sent
 * nothing but probes, with growing pauses, until it answers one. Others are asked meanwhile, without waiting for the
 * registry to notice.
 */
export class Suspicion {
  readonly #options: SuspicionOptions;
  readonly #probes = new Map<Health, () => void>();

  constructor(options: SuspicionOptions) {
    this.#options = options;
  }

  /** Nodes under suspicion. */
  get size(): number {
    return this.#probes.size;
  }

  timedOut(node: Suspect): void {
    if (++node.health.timeouts >= TIMEOUTS_TO_SUSPECT) this.#suspect(node);
  }

  disconnected(node: Suspect): void {
    this.#suspect(node);
  }

  /** The node is no longer a member. */
  forget(health: Health): void {
    this.#probes.get(health)?.();
    this.#probes.delete(health);
  }

  close(): void {
    for (const cancel of this.#probes.values()) cancel();
    this.#probes.clear();
  }

  #suspect(node: Suspect): void {
    if (node.health.suspect) return;
    node.health.suspect = true;
    this.#probeLater(node, FIRST_PAUSE_MS);
  }

  #probeLater(node: Suspect, pauseMs: number): void {
    const { time, random } = this.#options;
    const { health, connection } = node;
    const cancel = time.after(pauseMs * (0.75 + random() / 2), () => {
      connection.send(
        PING,
        (error, reply) => {
          if (this.#probes.get(health) !== cancel) return; // forgotten meanwhile
          if (error || reply !== 'PONG') return this.#probeLater(node, Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
          this.#probes.delete(health);
          health.suspect = false;
          health.timeouts = 0;
        },
        PROBE_TIMEOUT_MS,
      );
    });
    this.#probes.set(health, cancel);
  }
}
