import {
  ATTEMPT_MS,
  compareVersions,
  formatVersion,
  type EntryKind,
  type HybridClock,
  nextVersion,
  type OperationRecord,
  type ReplyErrorCode,
  type Version,
  VERSION_ZERO,
  type WriteCondition,
} from '@dcs/protocol';
import { Entry, frame, internKind, lengthOf, sizeOf, valueOf } from './entry.js';
import { MAX_OPERATION_AGE_MS, DedupTable } from './dedup-table.js';
import type { OperationResult } from './recent-operations.js';
import type { Store } from './store.js';

/** Who asks for a write: the stamp is the same on every attempt. Attempt 0 is a client's own: never repeated. */
export interface Operation {
  readonly stamp: Version;
  readonly attempt: number;
}

/** Nothing was written. `code` and `detail` make the error reply between our own parts. */
export interface Refusal {
  readonly refused: Extract<ReplyErrorCode, 'PRECONDITION' | 'NOTANUMBER' | 'OOM' | 'STALE' | 'INVALID' | 'REUSED'>;
  readonly detail: string;
}

export type WriteResult = (OperationResult & { readonly refused?: undefined }) | Refusal;

export interface Increment {
  readonly by: number;
  /** What an absent key counts from. */
  readonly initial: number;
  /** Expiry and kind of a key that the increment creates; an existing one keeps its own. */
  readonly expiresAt: number;
  readonly kind: EntryKind;
  /** '' = none. */
  readonly token: string;
}

export interface WriterOptions {
  readonly store: Store;
  readonly clock: HybridClock;
  readonly now: () => number;
  readonly maxValueBytes: number;
  /** Results kept for repeated attempts. @defaultValue 131_072 */
  readonly recentOperations?: number;
}

/**
 * An attempt that was on its way for longer than this, for a key that was written since, is not applied: its sender has
 * gone to another owner by now, and what that one did may have been overwritten. A later attempt may be older by
 * `ATTEMPT_MS` each. Gateways whose clocks are no further behind than the clock allows ahead do not meet it.
 */
export const MAX_OVERTAKEN_AGE_MS = 500;
const INTEGER = /^(?:0|-?[1-9]\d{0,15})$/;
const ANSWER_LOST: Refusal = Object.freeze({ refused: 'STALE', detail: 'the answer to the first attempt is lost' });
const REUSED: Refusal = Object.freeze({ refused: 'REUSED', detail: 'the key was used for another request' });
const NO_ENTRY: Refusal = Object.freeze({ refused: 'INVALID', detail: 'no entry may be like this one' });
const MISSING: OperationResult = Object.freeze({ version: VERSION_ZERO, value: 0 });

/**
 * The writes of clients. Each gives the entry the version `max(stamp, stored version + 1)` and merges it; a repeated
 * attempt whose first one was applied here answers the same as the first. All synchronous, O(1) expected.
 */
export class Writer {
  /** Refused because the stamp was too far ahead, or too old. */
  staleAhead = 0;
  staleOld = 0;

  /** Told of every entry that a client's write has put into the store, or had: it is to be copied before the answer. */
  onApplied: ((key: string, entry: Entry, operation: OperationRecord | undefined) => void) | undefined;

  /** Results of operations, for repeated attempts. */
  readonly dedup: DedupTable;

  readonly #store: Store;
  readonly #clock: HybridClock;
  readonly #now: () => number;
  readonly #maxValueBytes: number;

  constructor(options: WriterOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#now = options.now;
    this.#maxValueBytes = options.maxValueBytes;
    this.dedup = new DedupTable(options);
  }

  /** A new operation of this node's own, for clients that send no stamp. */
  begin(): Operation {
    return { stamp: this.#clock.next(), attempt: 0 };
  }

  /** @param framed a flat binary string `$<length>\r\n<bytes>\r\n`. Answers `value` 1 when the key was absent. */
  set(
    operation: Operation,
    key: string,
    framed: string,
    expiresAt: number,
    kind: EntryKind,
    slot: number,
    condition: WriteCondition,
  ): WriteResult {
    const store = this.#store;
    const hash = store.hashOf(key);
    const known = this.#known(operation, key, hash, slot);
    if (known !== undefined) return known;
    const place = store.placeOf(key, hash);
    const live = store.liveAt(place);
    const order = live === undefined ? NaN : store.compareTo(place, operation.stamp);
    if (order === 0 && operation.attempt > 0)
      return this.#repeated(operation, key, live!, condition.if === 'absent' ? 1 : 0);
    if (condition.if !== 'always') {
      const failed = refusalOf(condition, live);
      if (failed !== undefined) return failed;
    }
    const tooLarge = this.#tooLarge(key.length, framed);
    if (tooLarge !== undefined) return tooLarge;
    const version = order > 0 ? operation.stamp : this.#versionAfter(operation.stamp, key, hash, live);
    const entry = new Entry(framed, internKind(kind), version.ms, version.low, expiresAt, slot);
    return this.#apply(operation, key, hash, entry, live === undefined ? 1 : 0);
  }

  /** Answers `value` 1 when there was a live entry. Leaves a tombstone even where there was none: a copy may exist. */
  delete(operation: Operation, key: string, slot: number, condition: WriteCondition): WriteResult {
    const store = this.#store;
    const hash = store.hashOf(key);
    const known = this.#known(operation, key, hash, slot);
    if (known !== undefined) return known;
    const live = store.peek(key, hash);
    const buried = live === undefined ? store.tombstoneOf(key) : undefined;
    if (isRepeatOf(operation, buried)) {
      // Whether the first attempt found something is known to nobody any more.
      if (this.dedup.mayHaveForgotten(operation.stamp, slot)) return ANSWER_LOST;
      return this.#repeated(operation, key, buried!, 1);
    }
    if (condition.if !== 'always') {
      const failed = refusalOf(condition, live);
      if (failed !== undefined) return failed;
    }
    const version = this.#versionAfter(operation.stamp, key, hash, live);
    return this.#apply(operation, key, hash, store.tombstone(version, slot), live === undefined ? 0 : 1);
  }

  /** Answers the new number in `value`. */
  increment(operation: Operation, key: string, slot: number, increment: Increment): WriteResult {
    const store = this.#store;
    const { token } = increment;
    const hash = store.hashOf(key);
    const known = this.#known(operation, key, hash, slot, token);
    if (known !== undefined) return known;
    const live = store.peek(key, hash);
    const before = live === undefined ? increment.initial : integerOf(live);
    if (before === undefined) return { refused: 'NOTANUMBER', detail: 'value is not an integer or out of range' };
    if (isRepeatOf(operation, live)) return this.#repeated(operation, key, live!, before, token);
    const after = before + increment.by;
    if (!Number.isSafeInteger(after)) {
      return { refused: 'NOTANUMBER', detail: 'increment or decrement would overflow' };
    }
    const framed = frame(String(after));
    const tooLarge = this.#tooLarge(key.length, framed);
    if (tooLarge !== undefined) return tooLarge;
    const version = this.#versionAfter(operation.stamp, key, hash, live);
    const expiresAt = live === undefined ? increment.expiresAt : live.expiresAt;
    const kind = internKind(live === undefined ? increment.kind : live.kind);
    const entry = new Entry(framed, kind, version.ms, version.low, expiresAt, slot);
    return this.#apply(operation, key, hash, entry, after, token);
  }

  /** Gives a live entry another expiry (0 = never; a time past removes it). Answers `value` 0 when there is none. */
  touch(operation: Operation, key: string, slot: number, expiresAt: number): WriteResult {
    const store = this.#store;
    const hash = store.hashOf(key);
    const known = this.#known(operation, key, hash, slot);
    if (known !== undefined) return known;
    const live = store.peek(key, hash);
    if (live === undefined) return MISSING;
    if (isRepeatOf(operation, live)) return this.#repeated(operation, key, live, 1);
    const version = this.#versionAfter(operation.stamp, key, hash, live);
    const entry = new Entry(live.framed, live.kind, version.ms, version.low, expiresAt, slot);
    return this.#apply(operation, key, hash, entry, 1);
  }

  #apply(operation: Operation, key: string, hash: number, entry: Entry, value: number, token = ''): WriteResult {
    const outcome = this.#store.merge(key, entry, hash);
    if (outcome === 'too-large') {
      return { refused: 'OOM', detail: 'the entry is larger than the memory of this node' };
    }
    if (outcome === 'invalid') return NO_ENTRY;
    this.#clock.observe(entry);
    const record = operation.attempt > 0 ? { stamp: operation.stamp, value, token } : undefined;
    if (record !== undefined) this.dedup.record(key, entry.slot, entry, record);
    this.onApplied?.(key, entry, record);
    return { version: entry, value };
  }

  /** The first attempt may have reached this owner alone, and as a copy without what it answered: both are copied again. */
  #repeated({ stamp }: Operation, key: string, entry: Entry, value: number, token = ''): WriteResult {
    const record = { stamp, value, token };
    this.dedup.learn(record, key, entry.slot, { version: entry, value });
    this.onApplied?.(key, entry, record);
    return { version: entry, value };
  }

  /** What can be said before anything is looked at: a stale stamp, or the result of the first attempt. */
  #known(operation: Operation, key: string, hash: number, slot: number, token = ''): WriteResult | undefined {
    const { stamp, attempt } = operation;
    if (attempt === 0) return undefined;
    if (this.#clock.isAhead(stamp)) {
      this.staleAhead++;
      return { refused: 'STALE', detail: `stamp is more than ${this.#clock.maxAheadMs} ms ahead of this node's clock` };
    }
    const age = this.#now() - stamp.ms;
    if (age > MAX_OPERATION_AGE_MS) {
      this.staleOld++;
      return { refused: 'STALE', detail: `operation is older than ${MAX_OPERATION_AGE_MS} ms` };
    }
    const { dedup } = this;
    const known = dedup.find({ stamp, token }, key, slot);
    if (known !== undefined) {
      if (dedup.isReused({ stamp, token }, key)) return REUSED;
      const stored = this.#store.lookup(key, hash);
      const isStored = stored !== undefined && compareVersions(stored, known.version) === 0;
      return isStored ? this.#repeated(operation, key, stored, known.value, token) : known;
    }
    const isLate = age > MAX_OVERTAKEN_AGE_MS + (attempt - 1) * ATTEMPT_MS;
    return isLate || (attempt > 1 && dedup.mayHaveForgotten(stamp, slot))
      ? this.#superseded(stamp, key, hash)
      : undefined;
  }

  /** Another attempt may have been applied, and been overwritten since. */
  #superseded(stamp: Version, key: string, hash: number): Refusal | undefined {
    const stored = this.#store.peek(key, hash) ?? this.#store.versionOfAbsent(key, hash);
    if (compareVersions(stored, stamp) <= 0) return undefined;
    this.staleOld++;
    return { refused: 'STALE', detail: 'the attempt comes late, and the key was written since' };
  }

  #versionAfter(stamp: Version, key: string, hash: number, live: Entry | undefined): Version {
    const stored = live ?? this.#store.versionOfAbsent(key, hash);
    return compareVersions(stamp, stored) > 0 ? stamp : nextVersion(stored, this.#clock.origin);
  }

  #tooLarge(keyBytes: number, framed: string): Refusal | undefined {
    if (lengthOf(framed) > this.#maxValueBytes) {
      return { refused: 'OOM', detail: `value of more than ${this.#maxValueBytes} bytes` };
    }
    if (this.#store.fits(keyBytes, framed.length)) return undefined;
    const size = sizeOf(keyBytes, framed.length);
    return { refused: 'OOM', detail: `entry of ${size} bytes does not fit into ${this.#store.maxBytes}` };
  }
}

/** The operation's stamp is the entry's version: an earlier attempt was applied, here or at another owner. */
function isRepeatOf(operation: Operation, stored: Entry | undefined): boolean {
  return operation.attempt > 0 && stored !== undefined && compareVersions(stored, operation.stamp) === 0;
}

function refusalOf(condition: WriteCondition, live: Entry | undefined): Refusal | undefined {
  const holds =
    condition.if === 'absent'
      ? live === undefined
      : live !== undefined && (condition.if !== 'version' || compareVersions(live, condition.version) === 0);
  return holds ? undefined : { refused: 'PRECONDITION', detail: live === undefined ? '-' : formatVersion(live) };
}

/** The safe integer that an entry spells, as Redis reads integers; `undefined` when it is something else. */
export function integerOf(entry: Entry): number | undefined {
  const text = valueOf(entry);
  if (!INTEGER.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
