import type { View } from './member.js';

export interface RegistryStatus {
  readonly reachable: boolean;
  /** Why not; or, with `reachable: true`, the `MemberSupersededError` that ended this member's heartbeats. */
  readonly error?: Error;
}

export interface MembershipEvents {
  /** The view changed. `previous` is undefined for the first. Its epoch is higher than every one before. */
  view: (view: View, previous: View | undefined) => void;
  /** This member was out of the view and is in again: what it knew may be old. Comes before the view. */
  readmitted: () => void;
  /**
   * The cluster's time in this process was behind the registry's by `gapMs` (negative: ahead), which is too much to be put
   * right little by little: this process's monotonic clock stood still, or the registry's time is another one. It has been
   * drawn anew; what this process knew may be old. Comes before the view.
   */
  clock: (gapMs: number) => void;
  /** The registry went out of reach or came back, or this member was superseded. */
  registry: (status: RegistryStatus) => void;
}

export const EVENTS: readonly string[] = [
  'view',
  'readmitted',
  'clock',
  'registry',
] satisfies (keyof MembershipEvents)[];
