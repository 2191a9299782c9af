import { MAX_VERSION_AHEAD_MS } from './entry-rules.js';
import { ProtocolError } from './errors.js';
import {
  compareVersions,
  counterOf,
  makeVersion,
  MAX_COUNTER,
  ORIGIN_RANGE,
  type Version,
  VERSION_ZERO,
} from './version.js';

export interface HybridClockOptions {
  /** The cluster's time, ms since the Unix epoch. */
  readonly now: () => number;
  /** Tells this process's versions from all others': 32 bits, random per process start. */
  readonly origin: number;
  /** How far ahead of the local clock a remote version may be, in ms. @defaultValue 500 */
  readonly maxAheadMs?: number;
}

export const DEFAULT_MAX_AHEAD_MS = 500;

/**
 * Hybrid logical clock: every version it gives is greater than all it gave or saw before, and stays close to wall
 * time. See Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots", 2014.
 */
export class HybridClock {
  readonly maxAheadMs: number;
  readonly #now: () => number;
  #origin: number;
  #last: Version = VERSION_ZERO;
  /** No version beyond is taken; computed anew when one comes, so that others cost no look at the wall clock. */
  #latestMs = 0;

  constructor({ now, origin, maxAheadMs = DEFAULT_MAX_AHEAD_MS }: HybridClockOptions) {
    this.#now = now;
    this.#origin = checkedOrigin(origin);
    this.maxAheadMs = maxAheadMs;
  }

  get origin(): number {
    return this.#origin;
  }

  /** The greatest version given or seen so far. */
  get last(): Version {
    return this.#last;
  }

  /** A version greater than every one given or seen before. O(1). */
  next(): Version {
    const wall = Math.floor(this.#now());
    const last = this.#last;
    let version: Version;
    if (wall > last.ms) {
      version = makeVersion(wall, 0, this.#origin);
    } else {
      const counter = counterOf(last) + 1;
      version =
        counter > MAX_COUNTER ? makeVersion(last.ms + 1, 0, this.#origin) : makeVersion(last.ms, counter, this.#origin);
    }
    this.#last = version;
    return version;
  }

  /**
   * A version of the time it is now, for one that was refused because it is too far ahead: what the clock has given or
   * seen may be ahead of it by more than others take. Where it is, the clock goes back, and goes on under a new origin, so
   * that no version is given twice. O(1).
   *
   * @param origin see `HybridClockOptions`; of no earlier clock or renewal
   * @throws ProtocolError ERR_PROTOCOL_ORIGIN
   */
  renew(origin: number): Version {
    const wall = Math.floor(this.#now());
    if (wall >= this.#last.ms) return this.next();
    this.#origin = checkedOrigin(origin);
    return (this.#last = makeVersion(wall, 0, this.#origin));
  }

  /** Whether `version` is further ahead of the local clock than `maxAheadMs` allows. */
  isAhead(version: Version): boolean {
    return version.ms - this.#now() > this.maxAheadMs;
  }

  /**
   * Moves the clock past `version`, which the caller has accepted; but for one that no entry may have, because it is
   * more than `MAX_VERSION_AHEAD_MS` ahead of the wall clock.
   */
  observe(version: Version): void {
    if (compareVersions(version, this.#last) <= 0) return;
    if (version.ms > this.#latestMs) {
      this.#latestMs = Math.floor(this.#now()) + MAX_VERSION_AHEAD_MS;
      if (version.ms > this.#latestMs) return;
    }
    this.#last = version;
  }
}

function checkedOrigin(origin: number): number {
  if (Number.isInteger(origin) && origin >= 0 && origin < ORIGIN_RANGE) return origin;
  throw new ProtocolError('ERR_PROTOCOL_ORIGIN', `origin must be an integer from 0 to 2^32 - 1, got ${origin}`);
}
