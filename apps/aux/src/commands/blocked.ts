import type { CacheNode } from '../cache-node.js';
import { BLOCKED, LOADING } from './errors.js';

/**
 * The answer for a blocked slot. A node that has just returned blocks all its slots for as long as it takes to ask the
 * others: callers try again. Any other block may last, and callers are told at once.
 */
export function blockedReply({ replication }: CacheNode): string {
  return replication.recovery.isReturning ? LOADING : BLOCKED;
}
