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
  /** Wall clock in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Tells this process's versions from all others': 32 bits, random per process start. */
  readonly origin: number;
  /** How far ahead of the local wall clock a remote version may be, in ms. @defaultValue 500 */
  readonly maxAheadMs?: number;
}

export const DEFAULT_MAX_AHEAD_MS = 500;

/**
 * Hybrid logical clock: every version it gives is greater than all it gave or saw before, and stays close to wall
 * time. See Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots", 2014.
 */
export class HybridClock {
  readonly origin: number;
  readonly maxAheadMs: number;
  readonly #now: () => number;
  #last: Version = VERSION_ZERO;

  constructor({ now, origin, maxAheadMs = DEFAULT_MAX_AHEAD_MS }: HybridClockOptions) {
    if (!Number.isInteger(origin) || origin < 0 || origin >= ORIGIN_RANGE) {
      throw new ProtocolError('ERR_PROTOCOL_ORIGIN', `origin must be an integer from 0 to 2^32 - 1, got ${origin}`);
    }
    this.#now = now;
    this.origin = origin;
    this.maxAheadMs = maxAheadMs;
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
      version = makeVersion(wall, 0, this.origin);
    } else {
      const counter = counterOf(last) + 1;
      version =
        counter > MAX_COUNTER ? makeVersion(last.ms + 1, 0, this.origin) : makeVersion(last.ms, counter, this.origin);
    }
    this.#last = version;
    return version;
  }

  /** Whether `version` is further ahead of the local wall clock than `maxAheadMs` allows. */
  isAhead(version: Version): boolean {
    return version.ms - this.#now() > this.maxAheadMs;
  }

  /** Moves the clock past `version`, which the caller has accepted. */
  observe(version: Version): void {
    if (compareVersions(version, this.#last) > 0) this.#last = version;
  }
}
