import { checkFields } from './errors.js';
import { checkInteger } from './member.js';

/**
 * Flap damping. A crash is a lease that ran out, or a restart that took over a lease still held; a graceful leave
 * is none and clears the record. After `freeCrashes` crashes with no more than `windowMs` between one and the next,
 * a member that comes back holds a lease but stays out of the view for `baseHoldMs`, doubled with every further
 * crash up to `maxHoldMs`. Every process of a cluster must be given the same values.
 */
export interface DampingPolicy {
  /** Crashes in the window that cost nothing. Default 1. */
  readonly freeCrashes: number;
  /** First hold, milliseconds; 0 switches damping off. Default 5000. */
  readonly baseHoldMs: number;
  /** Longest hold, milliseconds. Default 60000. */
  readonly maxHoldMs: number;
  /** A member that did not crash for so long is as good as new, milliseconds. Default 60000. */
  readonly windowMs: number;
}

export const DEFAULT_DAMPING: DampingPolicy = Object.freeze({
  freeCrashes: 1,
  baseHoldMs: 5_000,
  maxHoldMs: 60_000,
  windowMs: 60_000,
});

/** How long a member with that many crashes in the window is held back, in milliseconds. */
export function holdMs(crashes: number, policy: DampingPolicy): number {
  const excess = crashes - policy.freeCrashes;
  if (excess <= 0) return 0;
  return Math.min(policy.maxHoldMs, policy.baseHoldMs * 2 ** Math.min(excess - 1, 32));
}

export function checkedDamping(damping: Partial<DampingPolicy> = {}): DampingPolicy {
  checkFields('damping', damping, Object.keys(DEFAULT_DAMPING));
  const policy = { ...DEFAULT_DAMPING, ...damping };
  checkInteger('damping.freeCrashes', policy.freeCrashes, 0);
  checkInteger('damping.baseHoldMs', policy.baseHoldMs, 0);
  checkInteger('damping.maxHoldMs', policy.maxHoldMs, 0);
  checkInteger('damping.windowMs', policy.windowMs, 1);
  return Object.freeze(policy);
}
