import {
  decodeFetchReply,
  encodeFetch,
  type FetchedEntry,
  formatVersion,
  isBlocked,
  type RepeatedOperation,
} from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { entryOf } from '../../node/entry.js';
import type { DedupTable } from '../../node/dedup-table.js';
import type { Ownership } from '../../node/ownership.js';
import type { Store } from '../../node/store.js';
import type { Peers } from '../peers/peers.js';
import type { SlotLedger } from '../slots/slot-ledger.js';
import type { StaleCopies } from '../slots/stale-copies.js';

export interface ReadRepairOptions {
  readonly staleCopies: Pick<StaleCopies, 'arrived'>;
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly peers: Peers;
  readonly store: Store;
  readonly dedup: DedupTable;
  /** How long a source may take. @defaultValue 300 */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 300;

/**
 * - `known`: what is here is all there is.
 * - `gone`: none of the sources is alive, or of those that had the slot.
 * - `unheard`: a source that may be alive did not say what it has.
 * - `blocked`: the slot is blocked, here or at the sources that are alive.
 */
export type ReadRepairOutcome = 'known' | 'gone' | 'unheard' | 'blocked';

/**
 * Brings single keys of slots that are still being imported: asks all the slot's sources, and the sources' own
 * sources, and merges what they have; with a key what they remember of an operation on it. So too where it is only the
 * operation that others may know of.
 */
export class ReadRepair {
  /** Keys asked for. */
  repairs = 0;
  readonly #options: ReadRepairOptions;
  readonly #waiting = new Map<string, ((outcome: ReadRepairOutcome) => void)[]>();

  constructor(options: ReadRepairOptions) {
    this.#options = options;
  }

  /**
   * @param operation of which it is asked whether it was carried out already
   * @param witnesses are asked of the operation too, settled slot or not; each has to answer, unless it is gone
   */
  repair(
    slot: number,
    key: string,
    operation: RepeatedOperation | undefined,
    witnesses: readonly string[],
    done: (outcome: ReadRepairOutcome) => void,
  ): void {
    const { ledger } = this.#options;
    if (ledger.isBlocked(slot)) return done('blocked');
    if (ledger.isInSync(slot) && witnesses.length === 0) return done('known');
    const subject = operation === undefined ? '' : `${formatVersion(operation.stamp)}${operation.token}`;
    const name = `${witnesses.length === 0 ? '' : 'all '}${subject}\n${key}`;
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#waiting.set(name, [done]);
    this.repairs++;
    const sources = [...ledger.sourcesOf(slot), ...witnesses];
    new Query(this.#options, slot, key, operation, sources, witnesses.length > 0, (outcome) => {
      const callbacks = this.#waiting.get(name) ?? [];
      this.#waiting.delete(name);
      for (const callback of callbacks) callback(outcome);
    }).run();
  }
}

class Query {
  readonly #asked = new Set<string>();
  #outstanding = 1;
  #answered = 0;
  /** Answers of nodes that had nothing to import themselves. */
  #whole = 0;
  /** Nodes that do not have this view yet, or may be alive and did not answer: what they hold is not known. */
  #unheard = 0;
  /** Of these, nodes where the slot is blocked. */
  #blocked = 0;
  /** Nodes where nobody listens: what they held may be on their disks. */
  #dead = 0;
  #found = false;

  constructor(
    readonly options: ReadRepairOptions,
    readonly slot: number,
    readonly key: string,
    readonly operation: RepeatedOperation | undefined,
    readonly sources: readonly string[],
    readonly needsAll: boolean,
    readonly done: (outcome: ReadRepairOutcome) => void,
  ) {}

  run(): void {
    const { peers } = this.options;
    for (const id of this.sources) {
      if (peers.isRefusing(id)) this.#dead++;
      else this.#ask(id);
    }
    this.#settle();
  }

  #ask(id: string): void {
    const { ownership, peers, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    if (id === ownership.selfId || this.#asked.has(id) || !peers.has(id)) return;
    this.#asked.add(id);
    this.#outstanding++;
    peers.send(
      id,
      encodeFetch(ownership.epoch, this.key, this.operation),
      decodeFetchReply,
      timeoutMs,
      (error, reply) => {
        if (error === null) this.#take(reply);
        else this.#missed(id, error);
        this.#settle();
      },
    );
  }

  #missed(id: string, error: Error): void {
    const { peers } = this.options;
    if (!(error instanceof RespError)) peers.suspect(id, error);
    if (peers.isRefusing(id)) this.#dead++;
    else this.#unheard++;
    if (isBlocked(error.message)) this.#blocked++;
  }

  #take({ entry, sources, result }: FetchedEntry): void {
    this.#answered++;
    if (sources.length === 0) this.#whole++;
    if (entry !== undefined) {
      this.#found = true;
      const { value, version, expiresAt, kind } = entry;
      const found = entryOf(this.key, value, version, expiresAt, kind);
      this.options.store.merge(this.key, found);
      // What a node that has all of the slot holds now is not stale here.
      if (sources.length === 0) this.options.staleCopies.arrived(this.key, found);
    }
    if (result !== undefined && this.operation !== undefined) {
      this.options.dedup.learn(this.operation, this.key, this.slot, result);
    }
    for (const id of sources) this.#ask(id);
  }

  #settle(): void {
    if (--this.#outstanding > 0) return;
    // One that has the slot whole and the key speaks for all. That a key is nowhere, only all of them can say; in place of
    // the dead, whoever has the slot whole.
    const speaksForAll = this.#found && this.#whole > 0 && !this.needsAll;
    const isComplete = this.#answered > 0 && this.#unheard === 0 && (this.#whole > 0 || this.#dead === 0);
    if (speaksForAll || isComplete) this.done('known');
    else if (this.#unheard === 0) this.done('gone');
    else this.done(this.#blocked === this.#unheard ? 'blocked' : 'unheard');
  }
}
