import { checkWriteReply, type RepeatedOperation } from '@dcs/protocol';
import { encodeCommandBinary, Reply, RespError } from '@dcs/resp';
import type { CacheNode } from '../cache-node.js';
import { PRIMARY, REPLICA } from '../node/ownership.js';
import type { Effect } from '../replication/copies/effect.js';
import type { Readiness } from '../replication/handoff/preparation.js';
import { isTimeout, mayHaveArrived } from '../replication/peers/peer-errors.js';
import type { Command } from '../commands/command.js';
import { argumentsOf, requestOf } from '../commands/detached-request.js';
import {
  BEHIND,
  COPIES_UNDER_WAY,
  COPY_FAILED,
  diskRefusal,
  FENCED,
  FENCED_WHILE_COPYING,
  BLOCKED,
  LOADING,
  OWNERS_CHANGED,
  PRIMARY_SILENT,
  UNDURABLE,
} from '../commands/errors.js';
import { blockedReply } from '../commands/blocked.js';
import { findSlot, keysOf, moved } from '../commands/keys.js';
import { type Later, LaterReply } from '../commands/later-reply.js';
import { operationOf } from '../commands/peer-arguments.js';
import type { Request, Session } from '../commands/session.js';

/** How often a command waits for its keys before it is told to try again: ownership may change meanwhile. */
const MAX_ROUNDS = 4;
/** How long the primary may take for a write that a replica passes on. */
const PASS_ON_TIMEOUT_MS = 400;
/** The same for one that was silent before: it may answer by now, and two that act are worse than a pause. */
const PASS_ON_TO_SUSPECT_TIMEOUT_MS = 100;
const PASS_ON_TRIES = 2;
const RECONNECT_PAUSE_MS = 75;
/**
 * How long the primary prepares for a write that a replica has passed on before it says that it cannot do it now, and how
 * long it copies it before it says that it is not done with that. Together they are well within the time in which it would
 * be taken for silent, and the replica act beside it; and no other reply waits for longer behind these.
 */
const PREPARE_PASSED_ON_MS = 150;
const COPY_PASSED_ON_MS = 150;
/** Argument that holds the attempt, in every write between our own parts. */
const ATTEMPT = 3;
/** Errors that say of one try that it was not carried out, which says nothing of the try before. */
const NOT_DONE: ReadonlySet<string> = new Set(['MOVED', 'LOADING', 'STALE']);

const FAILURES = { moved: OWNERS_CHANGED, failed: COPY_FAILED, undurable: UNDURABLE } as const;

/**
 * What stands between a command and the store because this node is one of several: whether it owns the slot, whether
 * what it holds of the keys is whole and safe to show, and the copies that a write needs before it is acknowledged.
 * Commands themselves know nothing of it.
 */
export function runKeyed(session: Session, command: Command): string | Later {
  const refusal = findSlot(session, command);
  if (refusal !== undefined) return refusal;
  const { node, slot } = session;
  if (node.isFenced) return FENCED;
  const role = node.ownership.roleOf(slot);
  if (role !== PRIMARY) {
    if (role !== REPLICA || session.peer === undefined || command.access !== 'peer') return moved(slot, session);
    if (command.flags.includes('write')) return actForPrimary(session.detached(), command);
  }
  const isCurrent = role === PRIMARY || node.monotonic() < readableUntil(session);
  return isCurrent && node.waking === undefined && isReady(session, command)
    ? apply(session, command)
    : later(session.detached(), command);
}

/** Until when this replica may answer reads of the slot, ms on the monotonic clock: it is known to lack nothing. */
function readableUntil({ node, slot }: Session): number {
  return node.replication.readLeases.validUntil(node.ownership.table.primaryOf(slot)!);
}

/** The same, once the primary has been asked if need be; `undefined`: this replica is behind. */
async function awaitReadable(session: Session): Promise<number | undefined> {
  const { node, slot } = session;
  const until = readableUntil(session);
  if (node.monotonic() < until) return until;
  const { readLeases } = node.replication;
  const primary = node.ownership.table.primaryOf(slot)!;
  const isGranted = await new Promise<boolean>((resolve) => readLeases.obtain(primary, resolve));
  return isGranted ? readLeases.validUntil(primary) : undefined;
}

/** Runs the command on the store; its reply waits until what it wrote is copied. */
function apply(session: Session, command: Command): string | Later {
  const { replication } = session.node;
  const { writeRefusal } = replication;
  if (writeRefusal !== undefined && command.flags.includes('write')) return diskRefusal(writeRefusal);
  const reply = command.run(session);
  const effects = replication.takeEffects();
  const unsaved = replication.takeUnsaved();
  if (typeof reply !== 'string') return reply;
  if (effects !== undefined) return copied(session, reply, effects);
  return unsaved ? saved(session, reply) : reply;
}

/** The reply, once this node's disk has what was written. To writes in a row with the same reply it is the same object. */
function saved(session: Session, reply: string): string | Later {
  const { replication } = session.node;
  const { commit } = replication;
  const last = session.lastSaved;
  if (last !== undefined && last.commit === commit && last.reply === reply) return last.later;
  const later = new LaterReply();
  replication.whenDurable((error) => {
    session.lastSaved = undefined; // it would keep what was written with it
    later.settle(error === undefined ? reply : UNDURABLE);
  });
  if (later.text !== undefined) return later.text;
  if (commit !== undefined) session.lastSaved = { commit, reply, later };
  return later;
}

function copied(session: Session, reply: string, effects: readonly Effect[]): string | Later {
  const { node } = session;
  const later = new LaterReply();
  node.replication.copy(effects, (outcome) => {
    if (outcome !== 'copied') later.settle(FAILURES[outcome]);
    else later.settle(node.isFenced ? FENCED_WHILE_COPYING : reply);
  });
  if (later.text === undefined && isFromNode(session)) {
    void node.pause(COPY_PASSED_ON_MS).then(() => later.settle(COPIES_UNDER_WAY));
  }
  return later.text ?? later;
}

/** Another node has passed this on, and takes us for silent if it does not hear of it. */
function isFromNode({ peer }: Session): boolean {
  return peer?.role === 'aux';
}

function isReady(session: Session, command: Command): boolean {
  const { request, node, slot } = session;
  const { replication } = node;
  if (!replication.ledger.isInSync(slot) || overtaken(session, command) !== undefined) return false;
  if (replication.pending.size === 0 || command.isBlind?.(request) === true) return true;
  const { first, last } = command.keys;
  if (first === last) return !replication.pending.has(request.binary(first));
  return keysOf(request, command.keys).every((key) => !replication.pending.has(key));
}

/**
 * Waits until the command may look at its keys.
 * @param actingIn epoch of the view whose primary was asked in vain: while that view lasts a replica may do a write in its
 * place. In another one, and without it, a node that is not the primary sends the write on.
 */
async function later(session: Session, command: Command, actingIn?: number): Promise<string> {
  const { node, slot, request, peer } = session;
  const keys = keysOf(request, command.keys);
  const isPassedOn = isFromNode(session) && command.flags.includes('write');
  const prepareBy = isPassedOn ? node.monotonic() + PREPARE_PASSED_ON_MS : Infinity;
  for (let round = 0; round < MAX_ROUNDS && node.monotonic() < prepareBy; round++) {
    if (node.waking !== undefined) await node.waking;
    if (node.isFenced) return FENCED;
    const role = node.ownership.roleOf(slot);
    const { epoch } = node.ownership;
    const isWrite = command.flags.includes('write');
    const mayAct = role === REPLICA && peer !== undefined && (!isWrite || epoch === actingIn);
    if (role !== PRIMARY && !mayAct) return moved(slot, session);
    if (node.replication.ledger.isBlocked(slot)) return blockedReply(node);
    const readsCopy = role === REPLICA && !isWrite;
    const until = readsCopy ? await awaitReadable(session) : Infinity; // what is found from here on is good until then
    if (until === undefined) return BEHIND;
    const { ledger, pending } = node.replication;
    const wasSettled = ledger.isInSync(slot);
    const unknown = overtaken(session, command);
    const askedAt = node.monotonic();
    const repeated = unknown ?? command.repeats?.(request);
    const readiness = await inTime(node, prepareBy, prepared(session, keys, repeated, unknown !== undefined));
    if (readiness === 'blocked') return BLOCKED;
    if (readiness !== 'ready') {
      // Whoever was to be asked had no connection: it is soon there again, or known to be dead.
      if (unknown === undefined || node.monotonic() - askedAt >= RECONNECT_PAUSE_MS) return LOADING;
      await node.pause(RECONNECT_PAUSE_MS);
      continue;
    }
    // The wait for copies under way is long enough for there to be more to ask.
    const isAsked =
      (!wasSettled || ledger.isInSync(slot)) && (unknown !== undefined || overtaken(session, command) === undefined);
    const safe = command.isBlind?.(request) === true || !keys.some((key) => pending.has(key));
    const isValid = epoch === node.ownership.epoch && node.monotonic() < until;
    if (isAsked && safe && node.waking === undefined && isValid && !node.isFenced) return apply(session, command);
  }
  return LOADING;
}

/** The write's operation, if another owner may have done it in this node's place and this node cannot tell. */
function overtaken({ node, peer, request, slot }: Session, command: Command): RepeatedOperation | undefined {
  if (peer === undefined || !mayBeDoneByReplica(command, request)) return undefined;
  const operation = operationOf(request);
  if (operation === undefined) return undefined;
  return node.replication.preparation.isSuperseded(request.binary(command.keys.first), slot, operation)
    ? operation
    : undefined;
}

/** Whether a write sets or deletes whatever is there. */
function mayBeDoneByReplica(command: Command, request: Request): boolean {
  return command.isBlind?.(request, true) === true;
}

function prepared(
  { node }: Session,
  keys: readonly string[],
  repeated: RepeatedOperation | undefined,
  isSuperseded: boolean,
): Promise<Readiness> {
  return new Promise((resolve) => {
    let outstanding = keys.length;
    let worst: Readiness = 'ready';
    for (const key of keys) {
      node.replication.preparation.prepare(key, repeated, isSuperseded, (readiness) => {
        if (readiness !== 'ready' && worst !== 'blocked') worst = readiness;
        if (--outstanding === 0) resolve(worst);
      });
    }
  });
}

/** What comes of it by then, on the monotonic clock. */
async function inTime(node: CacheNode, deadline: number, outcome: Promise<Readiness>): Promise<Readiness> {
  if (deadline === Infinity) return outcome;
  return Promise.race([outcome, node.pause(Math.max(0, deadline - node.monotonic())).then(() => 'unknown' as const)]);
}

/**
 * A gateway could not reach the primary and sent its write here. The primary is asked first. When it does not answer, a
 * write that sets or deletes whatever is there is done here: should the primary live and do it too, versions decide. One
 * that depends on what is there (an increment, a condition) is done only when the primary is dead, or out of the view:
 * two nodes that both count would count twice.
 */
async function actForPrimary(session: Session, command: Command): Promise<string> {
  const { node, slot, request } = session;
  const { epoch } = node.ownership;
  const primary = node.ownership.primaryOf(slot);
  const { peers } = node.replication;
  if (isFromNode(session)) return moved(slot, session); // passed on already: no further
  const args = argumentsOf(request);
  const attempt = args[ATTEMPT];
  if (primary !== undefined) {
    const reply = await passOn(node, args, primary.id);
    if (reply !== undefined) return reply;
  }
  const isAlone = primary === undefined || peers.isRefusing(primary.id);
  if (!isAlone && !mayBeDoneByReplica(command, request)) return PRIMARY_SILENT;
  const reply = await later(session.detached(requestOf(args)), command, epoch);
  return attempt !== args[ATTEMPT] && NOT_DONE.has(codeOf(reply)) ? PRIMARY_SILENT : reply;
}

/**
 * The primary's own reply to a write; `undefined` when there is none. In `args` the attempt is counted on with each try
 * that may have been carried out without an answer. That there is no connection at the moment says nothing of the primary:
 * it is waited for as long as for an answer.
 */
async function passOn(node: CacheNode, args: string[], primary: string): Promise<string | undefined> {
  const { peers } = node.replication;
  const timeoutOf = (): number => (peers.isSuspect(primary) ? PASS_ON_TO_SUSPECT_TIMEOUT_MS : PASS_ON_TIMEOUT_MS);
  const connectedBy = node.monotonic() + timeoutOf();
  for (let unanswered = 0; unanswered < PASS_ON_TRIES; ) {
    if (peers.isRefusing(primary)) return undefined;
    const { error, value } = await new Promise<{ error: Error | null; value: unknown }>((resolve) => {
      const decode = (reply: unknown): unknown => {
        checkWriteReply(args[0]!.toUpperCase(), reply);
        return reply;
      };
      peers.send(primary, encodeCommandBinary(args), decode, timeoutOf(), (failure, reply) =>
        resolve({ error: failure, value: reply }),
      );
    });
    if (error === null) return encodeReply(value);
    const isDown = error instanceof RespError && error.code === 'CLUSTERDOWN';
    if (isDown || mayHaveArrived(error)) {
      args[ATTEMPT] = String(Number(args[ATTEMPT]) + 1);
    }
    if (isDown) return undefined;
    if (error instanceof RespError) {
      return unanswered > 0 && NOT_DONE.has(error.code) ? PRIMARY_SILENT : Reply.error(error.message);
    }
    peers.suspect(primary, error);
    if (isTimeout(error)) return undefined;
    if (mayHaveArrived(error)) unanswered++;
    else if (node.monotonic() >= connectedBy) return undefined;
    await node.pause(RECONNECT_PAUSE_MS); // a connection that was lost is soon there again if the primary lives
  }
  return undefined;
}

/** The first word of an error reply; '' of others. */
function codeOf(reply: string): string {
  return /^-(\w+)/.exec(reply)?.[1] ?? '';
}

/** The replies that writes between our own parts have. */
function encodeReply(value: unknown): string {
  if (value === null) return Reply.nil(2);
  return typeof value === 'number' ? Reply.integer(value) : Reply.simple(String(value));
}
