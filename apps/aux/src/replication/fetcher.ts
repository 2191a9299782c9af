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
    const sources = this.#options.ledger.sourcesOf(slot);
    if (sources === undefined) return done(true);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#waiting.set(key, [done]);
    this.fetched++;
    new Query(this.#options, key, sources, (known) => {
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
  /** Nodes that do not have this view yet: what they have just written is not known. */
  #behind = 0;

  constructor(
    readonly options: FetcherOptions,
    readonly key: string,
    readonly sources: ReadonlySet<string>,
    readonly done: (known: boolean) => void,
  ) {}

  run(): void {
    const { peers } = this.options;
    const sources = [...this.sources];
    const answering = sources.filter((id) => !peers.isSuspect(id));
    for (const id of answering.length > 0 ? answering : sources) this.#ask(id);
    this.#settle();
  }

  #ask(id: string): void {
    const { ownership, peers, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    if (id === ownership.selfId || this.#asked.has(id) || !peers.has(id)) return;
    this.#asked.add(id);
    this.#outstanding++;
    peers.send(id, encodeFetch(ownership.epoch, this.key), timeoutMs, (error, reply) => {
      if (error === null) this.#take(reply);
      else if (error instanceof RespError) this.#behind++;
      else peers.suspect(id, error);
      this.#settle();
    });
  }

  #take(reply: unknown): void {
    const { entry, sources } = decodeFetchReply(reply);
    this.#answered++;
    if (sources.length === 0) this.#whole++;
    if (entry !== undefined) {
      const { version, expiresAt, kind } = decodeHeader(entry.header);
      this.options.store.merge(this.key, entryOf(this.key, entry.value, version, expiresAt, kind));
    }
    for (const id of sources) this.#ask(id);
  }

  #settle(): void {
    if (--this.#outstanding > 0) return;
    this.done(this.#whole > 0 || (this.#answered > 0 && this.#behind === 0));
  }
}
