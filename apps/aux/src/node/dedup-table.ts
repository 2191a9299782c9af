import { SLOT_COUNT } from '@dcs/consistent-hash';
import {
  bindToken,
  compareVersions,
  isOtherRequest,
  type OperationRecord,
  type DedupRecord,
  type RepeatedOperation,
  type SlotSet,
  tokenKey,
  type Version,
} from '@dcs/protocol';
import { type OperationResult, RecentOperations } from './recent-operations.js';
import { TokenResults } from './token-results.js';

export interface DedupTableOptions {
  readonly now: () => number;
  /** Results kept for repeated attempts. @defaultValue 131_072 */
  readonly recentOperations?: number;
}

/** No node carries out an operation that is older, so none need be remembered for longer. */
export const MAX_OPERATION_AGE_MS = 30_000;
const DEFAULT_RECENT_OPERATIONS = 131_072;
const TOKEN_RETENTION_MS = 600_000;
const MAX_TOKENS = 100_000;
const CURSOR = /^(t?)(\d{1,15})$/;

/**
 * What the operations on this node's slots answered, by stamp and by the client's token. It is a part of a slot as its
 * entries are: copies bring it to the other owners, imports to the next ones.
 */
export class DedupTable {
  readonly #now: () => number;
  readonly #recent: RecentOperations;
  readonly #tokens: TokenResults;
  /** By slot: of operations begun until then, ms since the Unix epoch, some may have been remembered by nobody left. */
  readonly #lostUntil = new Float64Array(SLOT_COUNT);

  constructor({ now, recentOperations = DEFAULT_RECENT_OPERATIONS }: DedupTableOptions) {
    this.#now = now;
    this.#recent = new RecentOperations(recentOperations);
    this.#tokens = new TokenResults({ max: MAX_TOKENS, now });
  }

  find({ stamp, token }: RepeatedOperation, key: string, slot: number): OperationResult | undefined {
    return this.#recent.find(stamp, slot) ?? (token === '' ? undefined : this.#tokens.find(key, token));
  }

  /** Whether an unknown operation may still be done: there was no room for it, or all that remembered it are gone. */
  mayHaveForgotten(stamp: Version, slot: number): boolean {
    return stamp.ms <= this.#lostUntil[slot]! || this.#recent.mayHaveForgotten(stamp, slot);
  }

  /** A process is gone that may have remembered, alone, what was done in the slot; the entries may be on its disk. */
  lose(slot: number): void {
    this.#lostUntil[slot] = this.#now();
  }

  record(key: string, slot: number, version: Version, { stamp, value, token }: OperationRecord): void {
    this.#recent.record(stamp, slot, version, value);
    if (token === '') return;
    const forgetAt = this.#now() + TOKEN_RETENTION_MS;
    this.#tokens.record({ key, token, slot, version: { ms: version.ms, low: version.low }, value, forgetAt });
  }

  /** The same for every slot. */
  loseAll(): void {
    this.#lostUntil.fill(this.#now());
  }

  /** Takes what another node remembers. Of two results for one operation the later counts: the other's effect is gone. */
  merge(operation: DedupRecord): void {
    const { slot, version, value } = operation;
    if (operation.stamp !== undefined) {
      const known = this.#recent.find(operation.stamp, slot);
      if (known === undefined || compareVersions(version, known.version) > 0) {
        this.#recent.record(operation.stamp, slot, version, value);
      }
      return;
    }
    const { key, token, forgetAt } = operation;
    const known = this.#tokens.find(key, token);
    if (known === undefined || compareVersions(version, known.version) > 0) {
      this.#tokens.record({ key, token, slot, version, value, forgetAt });
    }
  }

  /** Whether the client's token was used already, for a request that asked for something else. */
  isReused({ token }: RepeatedOperation, key: string): boolean {
    const known = token === '' ? undefined : this.#tokens.find(key, token);
    return known !== undefined && isOtherRequest(token, known.token);
  }

  /**
   * Takes what was answered to this operation elsewhere; a token that is known already keeps its time. What was remembered
   * with another digest is of the client's token, and not of this operation.
   */
  learn({ stamp, token }: RepeatedOperation, key: string, slot: number, result: OperationResult): void {
    const { version, value, digest } = result;
    const known = digest === undefined || token === '' ? token : bindToken(tokenKey(token), digest);
    if (!isOtherRequest(token, known)) this.merge({ slot, stamp, version, value });
    if (known === '') return;
    this.merge({ slot, key, token: known, version, value, forgetAt: this.#now() + TOKEN_RETENTION_MS });
  }

  /**
   * Walks what is remembered of these slots from a cursor that an earlier call returned (`0` to begin), at most
   * `visits` places, or until `visit` returns false. Returns the next cursor, `0` at the end; `undefined` for a cursor
   * that is none.
   */
  scan(slots: SlotSet, cursor: string, visits: number, visit: (operation: DedupRecord) => boolean): string | undefined {
    const match = CURSOR.exec(cursor);
    if (match === null) return undefined;
    let at = Number(match[2]);
    if (match[1] === '') {
      const oldest = this.#now() - MAX_OPERATION_AGE_MS;
      at = this.#recent.scan(at, visits, (slot, stamp, { version, value }) => {
        if (!slots.has(slot) || stamp.ms < oldest) return true;
        return visit({ slot, stamp, version, value });
      });
      return at !== 0 ? String(at) : this.#tokens.size > 0 ? 't0' : '0';
    }
    at = this.#tokens.scan(at, visits, (result) => !slots.has(result.slot) || visit(result));
    return at !== 0 ? `t${at}` : '0';
  }

  /** Other nodes have owned everything meanwhile: what they remember counts. */
  clear(): void {
    this.#recent.clear();
    this.#tokens.clear();
  }
}
