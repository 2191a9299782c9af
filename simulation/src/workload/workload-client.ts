import { ALWAYS, IF_ABSENT, KIND_STRING, parseVersion } from '@dcs/protocol';
import type { AuxDataPlane } from '@dcs/master/routing/aux-data-plane';
import type { GatewayHost } from '../cluster/gateway-host.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Random } from '../kernel/random.js';
import { chooseOperation, familyOf } from './keyspace.js';
import { describe, type History, type OperationRecord } from './history.js';

export interface WorkloadClientOptions {
  readonly kernel: Kernel;
  readonly random: Random;
  readonly name: string;
  readonly gateway: GatewayHost;
  readonly history: History;
  /** Of the moment. */
  readonly keys: () => readonly string[];
  /** Keys that are only read from now on. */
  readonly isReadOnly: (key: string) => boolean;
  readonly thinkMs: number;
}

/** Longer than any gateway takes; only one that is paused or gone does not answer. */
const CLIENT_TIMEOUT_MS = 8000;
const GATEWAY_RETRY_MS = 250;
/** Times to live, of each about half: over soon, and longer than the run. What expires soon must not uncover the other. */
const SHORT_TTL_MS = [200, 2500] as const;
const LONG_TTL_MS = [60_000, 120_000] as const;
/** Codes that say that nothing was written, and will not be. */
const REFUSALS: ReadonlySet<string> = new Set(['ERR_PRECONDITION_FAILED', 'ERR_NOT_A_NUMBER', 'ERR_VALUE_TOO_LARGE']);

/** A client that does one operation after the other through one gateway, and writes down what it sees. */
export class WorkloadClient {
  readonly #options: WorkloadClientOptions;
  /** Versions this session saw last: what its compare-and-sets expect. */
  readonly #seen = new Map<string, string>();
  #count = 0;
  #stopped = false;
  #active: OperationRecord | undefined;

  constructor(options: WorkloadClientOptions) {
    this.#options = options;
  }

  /** No operation is under way. */
  get isIdle(): boolean {
    return this.#active === undefined;
  }

  start(): void {
    const { kernel, random, thinkMs } = this.#options;
    kernel.at(kernel.now + random.float() * thinkMs, undefined, 'session', () => this.#next());
  }

  /** The operation under way is the last. */
  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    const { kernel, random, gateway, keys, thinkMs } = this.#options;
    if (this.#stopped) return;
    if (!gateway.isRunning || gateway.plane === undefined) {
      kernel.at(kernel.now + GATEWAY_RETRY_MS, undefined, 'session', () => this.#next());
      return;
    }
    const { process } = gateway;
    const record = this.#begin(random.pick(keys()));
    this.#active = record;
    const settle = (): void => {
      if (this.#active !== record) return;
      this.#active = undefined;
      cancel();
      kernel.note(record.session, describe(record));
      kernel.at(kernel.now + random.float() * 2 * thinkMs, undefined, 'session', () => this.#next());
    };
    const cancel = kernel.at(kernel.now + CLIENT_TIMEOUT_MS, undefined, 'client-timeout', () => {
      record.outcome = 'unknown';
      record.error = process.isAlive ? 'no answer' : 'gateway gone';
      settle();
    });
    kernel.at(kernel.now, process, 'client', () => {
      run(gateway.plane!, record, gateway.wall() - kernel.now).then(
        () => {
          if (this.#active !== record) return;
          record.completedAt = kernel.now;
          record.outcome = 'ok';
          if (record.version !== undefined) this.#seen.set(record.key, record.version);
          settle();
        },
        (error: Error & { code?: string }) => {
          if (this.#active !== record) return;
          record.error = error.code ?? String(error);
          const refused = REFUSALS.has(record.error) || record.kind === 'get';
          if (refused) record.completedAt = kernel.now;
          record.outcome = refused ? 'fail' : 'unknown';
          settle();
        },
      );
    });
  }

  #begin(key: string): OperationRecord {
    const { kernel, random, name, gateway, history, isReadOnly } = this.#options;
    const base = { session: name, key, invokedAt: kernel.now };
    let kind = isReadOnly(key) ? 'get' : chooseOperation(random, key);
    const expected = this.#seen.get(key);
    if (kind === 'cas' && expected === undefined) kind = 'add';
    if (kind === 'get') return history.begin({ ...base, kind, mayBeBehind: gateway.readsMayDiffer });
    if (kind === 'delete') return history.begin({ ...base, kind });
    if (kind === 'increment') {
      return history.begin({ ...base, kind, by: random.integer(1, 3), token: `${name}.${++this.#count}` });
    }
    const value = `${name}.${++this.#count}`;
    if (kind === 'cas') return history.begin({ ...base, kind, value, expected });
    const expiresAt = familyOf(key) === 'expiring' ? kernel.now + Math.floor(ttlOf(random)) : undefined;
    return history.begin({ ...base, kind, value, expiresAt });
  }
}

function ttlOf(random: Random): number {
  const [least, most] = random.chance(0.5) ? SHORT_TTL_MS : LONG_TTL_MS;
  return random.between(least, most);
}

/** @param wallOffset what the gateway's wall clock adds to the world's: it is the gateway that makes expiries absolute */
async function run(plane: AuxDataPlane, record: OperationRecord, wallOffset: number): Promise<void> {
  const { kind, key, value = '', expected, by = 0, token = '' } = record;
  const expiresAt = record.expiresAt === undefined ? 0 : Math.floor(record.expiresAt + wallOffset);
  switch (kind) {
    case 'get': {
      const entry = await plane.get(key);
      record.read = entry?.value ?? null;
      record.version = entry?.version;
      return;
    }
    case 'delete':
      record.answer = await plane.delete(key, ALWAYS);
      return;
    case 'increment': {
      const increment = () => plane.increment(key, { by, initial: 0, expiresAt: 0, token });
      // As a client does that has a token: it asks once more.
      const result = await increment().catch((error: { code?: string }) => {
        if (error.code !== 'ERR_UNAVAILABLE' && error.code !== 'ERR_RECOVERING') throw error;
        return increment();
      });
      record.read = String(result.value);
      record.version = result.version;
      return;
    }
    default: {
      const condition =
        kind === 'add'
          ? IF_ABSENT
          : kind === 'cas'
            ? ({ if: 'version', version: parseVersion(expected!) } as const)
            : ALWAYS;
      const result = await plane.set(key, value, KIND_STRING, expiresAt, condition);
      record.answer = result.created;
      record.version = result.version;
    }
  }
}
