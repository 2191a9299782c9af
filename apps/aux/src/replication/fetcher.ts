import { decodeFetchReply, decodeHeader, encodeFetch } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { entryOf } from '../node/entry.js';
import type { Ownership } from '../node/ownership.js';
import type { Store } from '../node/store.js';
import type { Peers } from './peers.js';
import type { SlotLedger } from './slot-ledger.js';

export interface FetcherOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly peers: Peers;
  readonly store: Store;
  /** How long a source may take. @defaultValue 300 */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 300;

/**
 * Brings single keys of slots that are still being imported: asks all the slot's sources, and the sources' own
 * sources, and merges what they have.
 */
export class Fetcher {
  /** Keys asked for. */
  fetched = 0;
  readonly #options: FetcherOptions;
  readonly #waiting = new Map<string, ((found: boolean) => void)[]>();

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** Calls back with false when no source could be asked: nothing can be said of the key. */
  fetch(slot: number, key: string, done: (known: boolean) => void): void {
    const { ledger } = this.#options;
    if (ledger.isHeld(slot)) return done(false);
    if (ledger.isSettled(slot)) return done(true);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#waiting.set(key, [done]);
    this.fetched++;
    new Query(this.#options, key, ledger.sourcesOf(slot), (known) => {
      const callbacks = this.#waiting.get(key) ?? [];
      this.#waiting.delete(key);
      for (const callback of callbacks) callback(known);
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
  #found = false;

  constructor(
    readonly options: FetcherOptions,
    readonly key: string,
    readonly sources: readonly string[],
    readonly done: (known: boolean) => void,
  ) {}

  run(): void {
    const { peers } = this.options;
    for (const id of this.sources) if (!peers.isRefusing(id)) this.#ask(id);
    this.#settle();
  }

  #ask(id: string): void {
    const { ownership, peers, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    if (id === ownership.selfId || this.#asked.has(id) || !peers.has(id)) return;
    this.#asked.add(id);
    this.#outstanding++;
    peers.send(id, encodeFetch(ownership.epoch, this.key), timeoutMs, (error, reply) => {
      if (error === null) this.#take(reply);
      else this.#missed(id, error);
      this.#settle();
    });
  }

  #missed(id: string, error: Error): void {
    const { peers } = this.options;
    if (!(error instanceof RespError)) peers.suspect(id, error);
    if (!peers.isRefusing(id)) this.#unheard++;
  }

  #take(reply: unknown): void {
    const { entry, sources } = decodeFetchReply(reply);
    this.#answered++;
    if (sources.length === 0) this.#whole++;
    if (entry !== undefined) {
      this.#found = true;
      const { version, expiresAt, kind } = decodeHeader(entry.header);
      this.options.store.merge(this.key, entryOf(this.key, entry.value, version, expiresAt, kind));
    }
    for (const id of sources) this.#ask(id);
  }

  #settle(): void {
    if (--this.#outstanding > 0) return;
    // One that has the slot whole and the key speaks for all. That a key is nowhere, only all of them can say.
    this.done((this.#found && this.#whole > 0) || (this.#answered > 0 && this.#unheard === 0));
  }
}
