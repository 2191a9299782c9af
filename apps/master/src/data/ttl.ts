import { GatewayError } from '../errors.js';
import { typeOf } from './key.js';

/** 100 years. */
export const MAX_TTL_SECONDS = 3_153_600_000;
const MS_PER_SECOND = 1000;
const DECIMAL = /^\d+(\.\d+)?$/;

const WANTED = `ttl must be a number of seconds from 0 (no expiry) to ${MAX_TTL_SECONDS}`;

/**
 * Absolute expiry in ms since the Unix epoch for a ttl in seconds; 0 (never) for none, for null, and for 0, as in other
 * caches.
 * @throws GatewayError ERR_TTL_INVALID
 */
export function expiryOf(ttl: unknown, nowMs: number, where = ''): number {
  if (ttl === undefined || ttl === null || ttl === 0) return 0;
  if (typeof ttl !== 'number' || !(ttl > 0) || ttl > MAX_TTL_SECONDS) {
    const got = typeof ttl === 'number' ? String(ttl) : typeOf(ttl);
    throw new GatewayError('ERR_TTL_INVALID', `${where}${WANTED}, got ${got}`);
  }
  return Math.ceil(nowMs + ttl * MS_PER_SECOND);
}

/** The `ttl` of a query string. @throws GatewayError ERR_TTL_INVALID */
export function queryExpiry(ttl: unknown, nowMs: number): number {
  if (ttl === undefined) return 0;
  if (typeof ttl === 'string' && DECIMAL.test(ttl)) return expiryOf(Number(ttl), nowMs);
  const got = typeof ttl === 'string' ? JSON.stringify(ttl.slice(0, 40)) : typeOf(ttl);
  throw new GatewayError('ERR_TTL_INVALID', `${WANTED}, got ${got}`);
}

/** What is left of an entry's life, in seconds with 3 decimals. */
export function remainingSeconds(expiresAt: number, nowMs: number): number {
  return Math.max(0, expiresAt - nowMs) / MS_PER_SECOND;
}
