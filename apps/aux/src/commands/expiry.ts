import { ALWAYS, KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { invalidExpire, NOT_AN_INTEGER, refusalReply } from './errors.js';
import type { Request, Session } from './session.js';

export type ExpiryUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT';

/** Later than any sane expiry, and still exact when milliseconds are added to it. */
const MAX_EXPIRES_AT = 2 ** 52;
const INT64_TEXT = /^(?:0|-?[1-9]\d{0,18})$/;

export function isExpiryUnit(token: string): token is ExpiryUnit {
  return token === 'EX' || token === 'PX' || token === 'EXAT' || token === 'PXAT';
}

/** The argument as an absolute time in ms, or the error reply that Redis gives for it. */
export function parseExpiry(
  request: Request,
  index: number,
  unit: ExpiryUnit,
  now: number,
  command: string,
  allowPast = false,
): number | string {
  const amount = request.integer(index);
  if (amount === undefined) {
    // Redis tells what is no 64-bit integer from a time that is out of reach; both are out of ours.
    return INT64_TEXT.test(request.binary(index)) ? invalidExpire(command) : NOT_AN_INTEGER;
  }
  if (amount <= 0 && !allowPast) return invalidExpire(command);
  const ms = unit === 'EX' || unit === 'EXAT' ? amount * 1000 : amount;
  const expiresAt = unit === 'EX' || unit === 'PX' ? now + ms : ms;
  if (Math.abs(ms) > MAX_EXPIRES_AT || Math.abs(expiresAt) > MAX_EXPIRES_AT) return invalidExpire(command);
  return expiresAt;
}

interface ExpireConditions {
  readonly nx: boolean;
  readonly xx: boolean;
  readonly gt: boolean;
  readonly lt: boolean;
}

/** SETEX and PSETEX: `key time value`. */
export function runSetWithExpiry({ request, node, slot }: Session, command: string, unit: ExpiryUnit): string {
  const expiresAt = parseExpiry(request, 2, unit, node.now(), command);
  if (typeof expiresAt === 'string') return expiresAt;
  const { writer } = node;
  const value = request.framed(3);
  const result = writer.set(writer.begin(), request.binary(1), value, expiresAt, KIND_STRING, slot, ALWAYS);
  return result.refused === undefined ? Reply.OK : refusalReply(result);
}

/** EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT: `key time [NX | XX | GT | LT]`. */
export function runExpire(session: Session, command: string, unit: ExpiryUnit): string {
  const { request, node } = session;
  const conditions = parseConditions(request);
  if (typeof conditions === 'string') return conditions;
  const expiresAt = parseExpiry(request, 2, unit, node.now(), command, true);
  if (typeof expiresAt === 'string') return expiresAt;
  const key = request.binary(1);
  const live = node.store.peek(key);
  if (live === undefined || !allows(conditions, live.expiresAt, expiresAt)) return Reply.integer(0);
  // A time past removes the key; 0 would mean "never".
  const result = node.writer.touch(node.writer.begin(), key, session.slot, Math.max(expiresAt, 1));
  return result.refused === undefined ? Reply.integer(1) : refusalReply(result);
}

function parseConditions(request: Request): ExpireConditions | string {
  let nx = false;
  let xx = false;
  let gt = false;
  let lt = false;
  for (let i = 3; i < request.argc; i++) {
    switch (request.upper(i)) {
      case 'NX':
        nx = true;
        break;
      case 'XX':
        xx = true;
        break;
      case 'GT':
        gt = true;
        break;
      case 'LT':
        lt = true;
        break;
      default:
        return Reply.error(`ERR Unsupported option ${request.binary(i).slice(0, 128)}`);
    }
  }
  if (nx && (xx || gt || lt)) {
    return Reply.error('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (gt && lt) return Reply.error('ERR GT and LT options at the same time are not compatible');
  return { nx, xx, gt, lt };
}

function allows({ nx, xx, gt, lt }: ExpireConditions, current: number, wanted: number): boolean {
  const never = current === 0;
  if (nx) return never;
  if (xx && never) return false;
  if (gt) return !never && wanted > current;
  if (lt) return never || wanted < current;
  return true;
}

/** TTL and its kin: -2 without the key, -1 without an expiry. */
export function runTimeToLive(session: Session, convert: (expiresAt: number, now: number) => number): string {
  const live = session.node.store.peek(session.request.binary(1));
  if (live === undefined) return Reply.integer(-2);
  return Reply.integer(live.expiresAt === 0 ? -1 : convert(live.expiresAt, session.node.now()));
}
