import { ALWAYS } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { refusalReply } from './errors.js';
import type { Session } from './session.js';

/** DEL and UNLINK: here they are the same, memory is given back by the garbage collector in either case. */
export function deleteKeys({ request, node, slot }: Session): string {
  const { writer } = node;
  let deleted = 0;
  for (let i = 1; i < request.argc; i++) {
    const result = writer.delete(writer.begin(), request.binary(i), slot, ALWAYS);
    if (result.refused !== undefined) return refusalReply(result);
    deleted += result.value;
  }
  return Reply.integer(deleted);
}
