import type { OperationRecord } from '@dcs/protocol';
import type { Entry } from '../../node/entry.js';

/** An entry that a client's write has put into the store, to be copied to the slot's other owners. */
export interface Effect {
  readonly key: string;
  readonly entry: Entry;
  /** Absent for a Redis client's own write, which is never repeated. */
  readonly operation: OperationRecord | undefined;
}
