import { ALWAYS, KIND_STRING, MAX_EXPIRES_AT } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { invalidExpire, NOT_AN_INTEGER, refusalReply } from './errors.js';
import type { Request, Session } from './session.js';

export type ExpiryUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT';

/** The range of Redis's times: 64 bits, signed. */
const MAX_INT64 = 2n ** 63n - 1n;
const INTEGER_TEXT = /^(?:0|-?[1-9]\d{0,18})$/;
const MS_PER_SECOND = 1000n;
/** Of as many seconds, and of more, doubles hold the milliseconds exactly, and the sum with a time of today. */
const EXACT_SECONDS = 2 ** 42;

export function isExpiryUnit(token: string): token is ExpiryUnit {
  return token === 'EX' || token === 'PX' || token === 'EXAT' || token === 'PXAT';
}

/**
 * The argument as an absolute time in ms, or the error reply that Redis gives for it. What Redis takes is taken; a time
 * that is later than an entry can hold becomes the latest that it can: the year 287396.
 */
export function parseExpiry(
  request: Request,
  index: number,
  unit: ExpiryUnit,
  now: number,
  command: string,
  allowPast = false,
): number | string {
  const amount = request.integer(index);
  if (amount === undefined || Math.abs(amount) > EXACT_SECONDS) {
    return parseLongExpiry(request.binary(index), unit, now, command, allowPast);
  }
  if (amount <= 0 && !allowPast) return invalidExpire(command);
  const ms = unit === 'EX' || unit === 'EXAT' ? amount * 1000 : amount;
  return unit === 'EX' || unit === 'PX' ? Math.floor(now) + ms : ms;
}

/** As {@link parseExpiry}, for numbers whose times doubles do not hold exactly. */
function parseLongExpiry(
  text: string,
  unit: ExpiryUnit,
  now: number,
  command: string,
  allowPast: boolean,
): number | string {
  const amount = INTEGER_TEXT.test(text) ? BigInt(text) : undefined;
  if (amount === undefined || amount > MAX_INT64 || amount < -MAX_INT64 - 1n) return NOT_AN_INTEGER;
  if (amount <= 0n && !allowPast) return invalidExpire(command);
  const inSeconds = unit === 'EX' || unit === 'EXAT';
  if (inSeconds && (amount > MAX_INT64 / MS_PER_SECOND || amount < -MAX_INT64 / MS_PER_SECOND)) {
    return invalidExpire(command);
  }
  const ms = inSeconds ? amount * MS_PER_SECOND : amount;
  const expiresAt = unit === 'EX' || unit === 'PX' ? ms + BigInt(Math.floor(now)) : ms;
  if (expiresAt > MAX_INT64) return invalidExpire(command);
  return Math.max(-MAX_EXPIRES_AT, Math.min(MAX_EXPIRES_AT, Number(expiresAt)));
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
