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
  /** The registry went out of reach or came back, or this member was superseded. */
  registry: (status: RegistryStatus) => void;
}

export const EVENTS: readonly string[] = ['view', 'readmitted', 'registry'] satisfies (keyof MembershipEvents)[];
