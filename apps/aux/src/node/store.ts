import { type EvictionReason, LruCache } from '@dcs/lru-cache';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { compareVersions, type Version, VERSION_ZERO } from '@dcs/protocol';
import { type Entry, isTombstone, sizeOf, supersedes, tombstoneOf } from './entry.js';
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

/** `older`: what is stored is as new or newer. `too-large`: newer, but it fits into no memory; the old one is gone. */
export type MergeOutcome = 'applied' | 'older' | 'too-large';

/**
 * What a node holds: live entries in an exact LRU, tombstones beside it. `merge` is the only way in, for client writes,
 * copies from other nodes and disk alike; it keeps the greater version, so it may be repeated and reordered at will.
 *
 * Eviction and expiry are not deletes: they leave no tombstone. Every operation is O(1) expected.
 */
export class Store {
  /** Live entries per slot. */
  readonly slotCounts = new Uint32Array(SLOT_COUNT);
  readonly maxEntries: number;
  readonly maxBytes: number;

  readonly #entries: LruCache<string, Entry>;
  readonly #tombstones: Tombstones;
  readonly #tombstoneRetentionMs: number;
  readonly #now: () => number;
  /** One for all calls: the table reads it and lets go. */
  readonly #setOptions = { size: 0, expiresAt: 0 };
  /** Everything up to this version was flushed. */
  #floor: Version = VERSION_ZERO;

  constructor(options: StoreOptions) {
    this.maxEntries = options.maxEntries;
    this.maxBytes = options.maxBytes;
    this.#now = options.now;
    this.#tombstoneRetentionMs = options.tombstoneRetentionMs;
    this.#tombstones = new Tombstones(options.maxTombstones ?? DEFAULT_MAX_TOMBSTONES);
    this.#entries = new LruCache<string, Entry>({
      maxEntries: options.maxEntries,
      maxBytes: options.maxBytes,
      now: options.now,
      seed: options.hashSeed | 0,
      onEvict: (_key, entry) => {
        this.slotCounts[entry.slot]!--;
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

  /** The remembered delete of a key. */
  tombstoneOf(key: string): Entry | undefined {
    return this.#tombstones.get(key);
  }

  /** The greatest version known for a key without a live entry: of its delete, or of the last flush. */
  versionOfAbsent(key: string): Version {
    const buried = this.#tombstones.get(key);
    return buried !== undefined && compareVersions(buried, this.#floor) > 0 ? buried : this.#floor;
  }

  /** Whether an entry of these sizes can be held at all. */
  fits(keyBytes: number, framedBytes: number): boolean {
    return sizeOf(keyBytes, framedBytes) <= this.maxBytes;
  }

  /** Keeps the greater version of what is stored and what comes in. */
  merge(key: string, incoming: Entry, hash: number = this.hashOf(key)): MergeOutcome {
    if (compareVersions(incoming, this.#floor) <= 0) return 'older';
    if (incoming.expiresAt !== 0 && !isTombstone(incoming) && incoming.expiresAt <= this.#now()) {
      // It came too late to live. Its version must still beat older copies, whatever the order they come in.
      return this.merge(key, this.tombstone(incoming, incoming.slot), hash);
    }
    const entry = this.#entries.peek(key, hash);
    const stored = entry ?? this.#tombstones.get(key);
    if (stored !== undefined && !supersedes(incoming, stored)) return 'older';
    if (isTombstone(incoming)) {
      this.#bury(key, incoming, hash);
      return 'applied';
    }
    if (entry === undefined) {
      this.#tombstones.delete(key);
      this.slotCounts[incoming.slot]!++;
    }
    const options = this.#setOptions;
    options.size = sizeOf(key.length, incoming.framed.length);
    options.expiresAt = incoming.expiresAt;
    if (this.#entries.set(key, incoming, options, hash)) return 'applied';
    this.slotCounts[incoming.slot]!--;
    return 'too-large';
  }

  /** A tombstone of `version` to be merged. */
  tombstone(version: Version, slot: number): Entry {
    return tombstoneOf(version, this.#now() + this.#tombstoneRetentionMs, slot);
  }

  /** Drops everything up to `version`, and refuses to take it back. */
  flush(version: Version): void {
    this.#floor = version;
    this.#entries.clear();
    this.#tombstones.clear();
    this.slotCounts.fill(0);
  }

  /** Removes expired entries and old tombstones, O(maxVisits). Returns how many entries went. */
  sweep(maxVisits: number): number {
    this.#tombstones.sweep(this.#now(), maxVisits);
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
    if (this.#entries.delete(key, hash)) this.slotCounts[tombstone.slot]!--;
    if (tombstone.expiresAt > this.#now()) this.#tombstones.put(key, tombstone);
    else this.#tombstones.delete(key);
  }
}
