import { type EvictionReason, LruCache } from '@dcs/lru-cache';
import { SLOT_COUNT, slotOfBinary } from '@dcs/consistent-hash';
import {
  compareVersions,
  type EntryFault,
  entryFault,
  MAX_VERSION_AHEAD_MS,
  previousVersion,
  type Version,
  VERSION_ZERO,
} from '@dcs/protocol';
import { SlotDigests } from './slot-digests.js';
import { type Entry, isTombstone, lengthOf, sizeOf, supersedes, tombstoneOf } from './entry.js';
import { LostTraces } from './lost-traces.js';
import { Tombstones } from './tombstones.js';

export interface StoreOptions {
  readonly maxEntries: number;
  /** Keys, values and {@link sizeOf} overhead. */
  readonly maxBytes: number;
  readonly tombstoneRetentionMs: number;
  /** Most tombstones. @defaultValue 250_000 */
  readonly maxTombstones?: number;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  /** Seed of the table's hash; unguessable in production. */
  readonly hashSeed: number;
}

export const DEFAULT_MAX_TOMBSTONES = 250_000;
/** Of `maxBytes`, beside them, for what is remembered of entries that are gone. */
const TRACE_SHARE = 1 / 16;

const CURSOR = /^(t?)(\d{1,15})$/;
/** Records between two looks at whether a page is full. */
const SCAN_STEP = 64;

/**
 * - `older`: what is stored is as new or newer.
 * - `too-large`: newer, but it fits into no memory; the old one is gone.
 * - `invalid`: no entry may be like this (see `entryFault`); nothing has changed, whatever is stored.
 */
export type MergeOutcome = 'applied' | 'older' | 'too-large' | 'invalid';

/**
 * What a node holds: live entries in an exact LRU, tombstones beside it. `merge` is the only way in, for client writes,
 * copies from other nodes and disk alike; it keeps the greater version, so it may be repeated and reordered at will.
 *
 * Eviction and expiry are not deletes: they leave no tombstone, but for {@link Store.leavesTrace}. Every operation is
 * O(1) expected.
 */
export class Store {
  /** Live entries per slot. */
  readonly slotCounts = new Uint32Array(SLOT_COUNT);
  /** Of the entries and tombstones of each slot. */
  readonly digests = new SlotDigests();
  /** Entries of each slot that a bound has pushed out, ever. */
  readonly evictedFrom = new Uint32Array(SLOT_COUNT);
  readonly maxEntries: number;
  readonly maxBytes: number;

  /**
   * Told of every change: what a key holds now (an entry or a tombstone), or `undefined` when it holds nothing any more
   * (evicted, expired, dropped, forgotten). A flush is told by {@link onFlush} alone.
   *
   * `place` is that of a live entry, from 1 to `maxEntries`; it is the key's until the key is gone, and `isNew` when it
   * was not before. 0 for what is no live entry.
   */
  onChange: ((key: string, entry: Entry | undefined, place: number, isNew: boolean) => void) | undefined;
  onFlush: ((floor: Version) => void) | undefined;

  /** Entries that were refused because no entry may be like them, by what was wrong with them. */
  readonly refused: Record<EntryFault, number> = { key: 0, kind: 0, value: 0, expiry: 0, version: 0, ahead: 0 };
  /** Told of every entry that is refused so. */
  onRefused: ((fault: EntryFault, key: string, entry: Entry) => void) | undefined;

  /**
   * Whether an entry leaves a trace when it is evicted or expires, as an older one that it has replaced may still come in: a
   * tombstone, of its own version when it has expired, of the one before when it was evicted, so that itself may come back.
   */
  leavesTrace: ((entry: Entry) => boolean) | undefined;
  /** Traces for which there was no room. */
  readonly lostTraces = new LostTraces();

  readonly #entries: LruCache<string, Entry>;
  readonly #tombstones: Tombstones;
  readonly #maxTombstones: number;
  readonly #tombstoneRetentionMs: number;
  readonly #now: () => number;
  /**
   * `ms` and `low` of each live entry, at twice its place in the table: what a write needs to know of the entry that it
   * replaces, without a look at an object that left the processor's cache long ago.
   */
  readonly #versions: Float64Array;
  /** One for all calls: the table reads it and lets go. */
  readonly #setOptions = { size: 0, expiresAt: 0 };
  #floor: Version = VERSION_ZERO;
  /** No version beyond is taken; computed anew when one comes, so that others cost no look at the clock. */
  #latestMs = 0;
  /** The greatest version that a bound has pushed out, in place. */
  readonly #evictedUpTo = { ms: 0, low: 0 };

  constructor(options: StoreOptions) {
    this.maxEntries = options.maxEntries;
    this.maxBytes = options.maxBytes;
    this.#now = options.now;
    this.#tombstoneRetentionMs = options.tombstoneRetentionMs;
    this.#versions = new Float64Array((options.maxEntries + 1) * 2);
    this.#maxTombstones = options.maxTombstones ?? DEFAULT_MAX_TOMBSTONES;
    this.#tombstones = new Tombstones({
      max: this.#maxTombstones,
      now: options.now,
      seed: options.hashSeed | 0,
      onForget: (key, tombstone, isEarly) => {
        if (isEarly && this.leavesTrace?.(tombstone) === true) this.lostTraces.add(tombstone.slot, tombstone);
        this.digests.toggle(tombstone.slot, key, tombstone);
        this.onChange?.(key, undefined, 0, false);
      },
    });
    this.#entries = new LruCache<string, Entry>({
      maxEntries: options.maxEntries,
      maxBytes: options.maxBytes,
      now: options.now,
      seed: options.hashSeed | 0,
      onEvict: (key, entry, reason) => {
        this.#forgotten(key, entry);
        if (reason !== 'expired') this.#evicted(entry);
        if (this.leavesTrace?.(entry) === true) this.leaveTrace(key, entry, reason === 'expired');
      },
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.bytes;
  }

  get tombstones(): number {
    return this.#tombstones.size;
  }

  /** Tombstones forgotten before their time because there were too many. */
  get tombstonesDropped(): number {
    return this.#tombstones.dropped;
  }

  get hits(): number {
    return this.#entries.stats().hits;
  }

  get misses(): number {
    return this.#entries.stats().misses;
  }

  get evictions(): Readonly<Record<EvictionReason, number>> {
    return this.#entries.stats().evictions;
  }

  hashOf(key: string): number {
    return this.#entries.hashOf(key);
  }

  /** The live entry, which becomes the most recent; counts as a hit or a miss. */
  get(key: string, hash: number = this.hashOf(key)): Entry | undefined {
    return this.#entries.get(key, hash);
  }

  /** The live entry, without a change of recency or statistics. */
  peek(key: string, hash: number = this.hashOf(key)): Entry | undefined {
    return this.#entries.peek(key, hash);
  }

  /** Where the key's entry is, live or expired; 0 when there is none. Good until something else changes. */
  placeOf(key: string, hash: number): number {
    return this.#entries.placeOf(key, hash);
  }

  /** The live entry at a place that {@link placeOf} has told. */
  liveAt(place: number): Entry | undefined {
    return place === 0 ? undefined : this.#entries.peekAt(place);
  }

  /** As `compareVersions(version, <that of the entry at place>)`, which is not touched. */
  compareTo(place: number, version: Version): number {
    const versions = this.#versions;
    return version.ms - versions[place * 2]! || version.low - versions[place * 2 + 1]!;
  }

  /** The live entry or the tombstone of a key. */
  lookup(key: string, hash: number = this.hashOf(key)): Entry | undefined {
    return this.#entries.peek(key, hash) ?? this.#tombstones.get(key);
  }

  /** The remembered delete of a key. */
  tombstoneOf(key: string): Entry | undefined {
    return this.#tombstones.get(key);
  }

  /** The greatest version known for a key without a live entry: of its delete, or of the last flush. */
  versionOfAbsent(key: string, hash: number = this.hashOf(key)): Version {
    this.#settle(this.placeOf(key, hash), key, hash);
    const buried = this.#tombstones.get(key);
    const floor = this.#floorOf(key);
    return buried !== undefined && compareVersions(buried, floor) > 0 ? buried : floor;
  }

  /** What this node can say of a key that it does not hold: a tombstone, where traces were lost; `undefined`: nothing. */
  traceOfAbsent(slot: number): Entry | undefined {
    return this.lostTraces.has(slot) ? this.tombstone(this.lostTraces.upTo(slot), slot) : undefined;
  }

  /** Whether an entry of these sizes can be held at all. */
  fits(keyBytes: number, framedBytes: number): boolean {
    return sizeOf(keyBytes, framedBytes) <= this.maxBytes;
  }

  /** Keeps the greater version of what is stored and what comes in. What no entry may be stays out, whoever sends it. */
  merge(key: string, incoming: Entry, hash: number = this.hashOf(key)): MergeOutcome {
    if (incoming.ms > this.#latestMs) this.#latestMs = this.#now() + MAX_VERSION_AHEAD_MS;
    const fault = entryFault(key.length, incoming, lengthOf(incoming.framed), this.#latestMs);
    if (fault !== undefined) {
      this.refused[fault]++;
      this.onRefused?.(fault, key, incoming);
      return 'invalid';
    }
    if (compareVersions(incoming, this.#floor) <= 0) return 'older';
    if (incoming.expiresAt !== 0 && !isTombstone(incoming) && incoming.expiresAt <= this.#now()) {
      // It came too late to live. Its version must still beat older copies, whatever the order they come in.
      return this.merge(key, this.tombstone(incoming, incoming.slot), hash);
    }
    const place = this.placeOf(key, hash);
    const entry = this.#settle(place, key, hash);
    const order = entry === undefined ? 0 : this.compareTo(place, incoming);
    if (order < 0) return 'older';
    if (entry === undefined && !this.lostTraces.isEmpty) {
      if (compareVersions(incoming, this.lostTraces.upTo(incoming.slot)) <= 0) return 'older';
    }
    if (order === 0) {
      const stored = entry ?? this.#tombstones.get(key);
      if (stored !== undefined && !supersedes(incoming, stored)) return 'older';
    }
    if (isTombstone(incoming)) {
      this.#bury(key, incoming, hash);
      return 'applied';
    }
    const size = sizeOf(key.length, incoming.framed.length);
    const isNew = entry === undefined;
    const at = isNew ? this.#insert(key, incoming, size, hash) : this.#replace(place, key, incoming, size);
    if (at === 0) {
      this.#forgotten(key, incoming);
      return 'too-large';
    }
    this.onChange?.(key, incoming, at, isNew);
    return 'applied';
  }

  /**
   * As {@link merge}, of what another owner holds. An entry that this node does not have, that it may have evicted, and
   * for which it would have to evict another, is not taken: owners whose memory is full would push each other's entries
   * out for ever. What is newer than anything that was evicted is taken.
   */
  repair(key: string, incoming: Entry, hash: number = this.hashOf(key)): MergeOutcome | 'evicted' {
    if (!isTombstone(incoming) && compareVersions(incoming, this.#evictedUpTo) <= 0) {
      const size = sizeOf(key.length, incoming.framed.length);
      const hasRoom = this.size < this.maxEntries && this.bytes + size <= this.maxBytes;
      if (!hasRoom && this.lookup(key, hash) === undefined) return 'evicted';
    }
    return this.merge(key, incoming, hash);
  }

  /** The live entry at the key's place. One that has expired goes now, and leaves the tombstone that it is to leave. */
  #settle(place: number, key: string, hash: number): Entry | undefined {
    const entry = this.liveAt(place);
    if (entry === undefined && place !== 0) this.#entries.delete(key, hash);
    return entry;
  }

  /** Returns the entry's place; 0 when it does not fit. */
  #insert(key: string, entry: Entry, size: number, hash: number): number {
    this.#tombstones.delete(key);
    this.slotCounts[entry.slot]!++;
    this.digests.toggle(entry.slot, key, entry);
    const options = this.#setOptions;
    options.size = size;
    options.expiresAt = entry.expiresAt;
    if (!this.#entries.set(key, entry, options, hash)) return 0;
    const place = this.#entries.placeOf(key, hash);
    this.#keepVersion(place, entry);
    return place;
  }

  /** Returns the place; 0 when the entry does not fit. */
  #replace(place: number, key: string, entry: Entry, size: number): number {
    const versions = this.#versions;
    this.digests.replace(entry.slot, key, versions[place * 2]!, versions[place * 2 + 1]!, entry);
    this.#keepVersion(place, entry);
    return this.#entries.setAt(place, entry, size, entry.expiresAt) ? place : 0;
  }

  #keepVersion(place: number, version: Version): void {
    this.#versions[place * 2] = version.ms;
    this.#versions[place * 2 + 1] = version.low;
  }

  /** Everything up to this version was flushed. */
  get floor(): Version {
    return this.#floor;
  }

  /** A tombstone of `version` to be merged. */
  tombstone(version: Version, slot: number): Entry {
    return tombstoneOf(version, Math.ceil(this.#now()) + this.#tombstoneRetentionMs, slot);
  }

  /** Drops everything up to `version`, and refuses to take it back. */
  flush(version: Version): void {
    this.#floor = version;
    this.#entries.clear();
    this.#tombstones.clear();
    this.slotCounts.fill(0);
    this.digests.clear();
    this.lostTraces.clear();
    this.onFlush?.(version);
  }

  /** Entries and tombstones of a slot. */
  entriesIn(slot: number): number {
    return this.slotCounts[slot]! + this.#tombstones.inSlot(slot);
  }

  /** Removes entries and tombstones without a trace: their slots are others'. O(entries). */
  dropWhere(matches: (key: string, entry: Entry) => boolean): void {
    const keys: string[] = [];
    const collect = (key: string, entry: Entry): void => {
      if (matches(key, entry)) keys.push(key);
    };
    this.#entries.scan(0, Number.MAX_SAFE_INTEGER, collect);
    this.#tombstones.scan(0, Number.MAX_SAFE_INTEGER, collect);
    for (const key of keys) this.drop(key);
  }

  /** Removes the entry or tombstone of a key without a trace. */
  drop(key: string): void {
    const entry = this.#entries.peek(key);
    if (entry === undefined) this.#tombstones.delete(key);
    else if (this.#entries.delete(key)) this.#forgotten(key, entry);
  }

  /**
   * Walks entries, then tombstones, from a cursor that an earlier call returned (`0` to begin) for about `visits`
   * records, or until `visit` returns false. What is there for the whole walk is visited. Returns the next cursor, `0`
   * at the end; `undefined` for a cursor that is none.
   */
  scanAll(cursor: string, visits: number, visit: (key: string, entry: Entry) => boolean): string | undefined {
    const match = CURSOR.exec(cursor);
    if (match === null) return undefined;
    let tombstones = match[1] === 't';
    let at = Number(match[2]);
    let left = visits;
    let more = true;
    const step = (key: string, entry: Entry): void => {
      more = visit(key, entry) && more;
    };
    while (more && left > 0) {
      const table = tombstones ? this.#tombstones : this.#entries;
      const count = Math.min(left, SCAN_STEP);
      at = table.scan(at, count, step);
      left -= count;
      if (at !== 0) continue;
      if (tombstones) return '0';
      tombstones = true;
    }
    return tombstones ? `t${at}` : String(at);
  }

  /** Removes expired entries and old tombstones, O(maxVisits). Returns how many entries went. */
  sweep(maxVisits: number): number {
    this.#tombstones.sweep(maxVisits);
    return this.#entries.sweepExpired(maxVisits);
  }

  /** Walks the live entries a step at a time: see `LruCache.scan`. */
  scan(cursor: number, count: number, visit: (key: string, entry: Entry) => void): number {
    return this.#entries.scan(cursor, count, visit);
  }

  /** Live keys of one slot, at most `limit`. O(entries): for administrators. */
  keysInSlot(slot: number, limit: number): string[] {
    const keys: string[] = [];
    if (this.slotCounts[slot] === 0) return keys;
    this.#entries.scan(0, this.maxEntries, (key, entry) => {
      if (entry.slot === slot && keys.length < limit) keys.push(key);
    });
    return keys;
  }

  #bury(key: string, tombstone: Entry, hash: number): void {
    const entry = this.#entries.peek(key, hash);
    if (entry !== undefined && this.#entries.delete(key, hash)) this.#forgotten(key, entry);
    if (tombstone.expiresAt <= this.#now()) return this.#tombstones.delete(key);
    this.#tombstones.put(key, tombstone);
    this.digests.toggle(tombstone.slot, key, tombstone);
    this.onChange?.(key, tombstone, 0, false);
  }

  /** What a key that is absent was last known at, without what its tombstone says. */
  #floorOf(key: string): Version {
    if (this.lostTraces.isEmpty) return this.#floor;
    const upTo = this.lostTraces.upTo(slotOfBinary(key));
    return compareVersions(upTo, this.#floor) > 0 ? upTo : this.#floor;
  }

  /**
   * Remembers the version of an entry that is gone, as far as there is room: half of the tombstones' number, and a
   * sixteenth of `maxBytes`, so that deletes and entries keep theirs.
   */
  leaveTrace(key: string, entry: Entry, hasExpired: boolean): void {
    const version = hasExpired ? entry : previousVersion(entry);
    const tombstones = this.#tombstones;
    const hasRoom =
      tombstones.size < this.#maxTombstones / 2 &&
      tombstones.bytes + sizeOf(key.length, 0) <= this.maxBytes * TRACE_SHARE;
    if (hasRoom) this.merge(key, this.tombstone(version, entry.slot));
    else this.lostTraces.add(entry.slot, version);
  }

  #evicted(entry: Entry): void {
    this.evictedFrom[entry.slot]!++;
    if (compareVersions(entry, this.#evictedUpTo) <= 0) return;
    this.#evictedUpTo.ms = entry.ms;
    this.#evictedUpTo.low = entry.low;
  }

  #forgotten(key: string, entry: Entry): void {
    this.slotCounts[entry.slot]!--;
    this.digests.toggle(entry.slot, key, entry);
    this.onChange?.(key, undefined, 0, false);
  }
}
