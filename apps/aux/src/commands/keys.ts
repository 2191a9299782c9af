import { slotOfBytes } from '@dcs/consistent-hash';
import { MAX_KEY_BYTES } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import type { Command, KeyPositions } from './command.js';
import { CLUSTER_DOWN, CLUSTER_EMPTY, CROSS_SLOT } from './errors.js';
import type { Request, Session } from './session.js';

/** Checks the keys of a request and finds their slot, which goes into the session; an error reply where they are bad. */
export function findSlot(session: Session, { keys }: Command): string | undefined {
  const { request } = session;
  const { source, argc } = request;
  const start = request.start(keys.first);
  const end = request.end(keys.first);
  if (end - start === 0 || end - start > MAX_KEY_BYTES) return keyLength(end - start);
  const slot = slotOfBytes(source, start, end);
  session.slot = slot;
  if (keys.last !== keys.first) {
    for (let i = keys.first + keys.step; i < argc; i += keys.step) {
      const length = request.length(i);
      if (length === 0 || length > MAX_KEY_BYTES) return keyLength(length);
      if (slotOfBytes(source, request.start(i), request.end(i)) !== slot) return CROSS_SLOT;
    }
  }
  return undefined;
}

/** The keys of a request. */
export function keysOf(request: Request, { first, last, step }: KeyPositions): string[] {
  const found: string[] = [];
  const end = last < 0 ? request.argc - 1 : last;
  for (let i = first; i <= end; i += step) found.push(request.binary(i));
  return found;
}

/** Where the slot's primary is: the reply of a node that is not the one to ask. */
export function moved(slot: number, { node: { ownership } }: Session): string {
  if (ownership.self === undefined && ownership.epoch === 0) return CLUSTER_DOWN;
  const primary = ownership.primaryOf(slot);
  if (primary === undefined) return CLUSTER_EMPTY;
  return Reply.error(`MOVED ${slot} ${primary.host}:${primary.dataPort}`);
}

function keyLength(bytes: number): string {
  return Reply.error(`ERR key of ${bytes} bytes: keys are 1 to ${MAX_KEY_BYTES} bytes`);
}
