import { KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { refusalReply } from './errors.js';
import type { Session } from './session.js';

/** INCR, DECR, INCRBY and DECRBY. Counters are safe integers (53 bits), where Redis has 64. */
export function runIncrement({ request, node, slot }: Session, by: number): string {
  const { writer } = node;
  const increment = { by, initial: 0, expiresAt: 0, kind: KIND_STRING, token: '' };
  const result = writer.increment(writer.begin(), request.binary(1), slot, increment);
  return result.refused === undefined ? Reply.integer(result.value) : refusalReply(result);
}
