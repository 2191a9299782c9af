import { ProtocolError } from './errors.js';

/**
 * A point in the total order of all writes: a hybrid logical clock reading (48-bit milliseconds, 16-bit counter)
 * and the 32-bit origin that breaks ties (Kulkarni et al., "Logical Physical Clocks", 2014).
 *
 * Held as two doubles, because 96 bits do not fit one: `ms`, and `low` = counter * 2^32 + origin (48 bits).
 */
export interface Version {
  /** Milliseconds since the Unix epoch, 0 <= ms < 2^48. */
  readonly ms: number;
  /** counter * 2^32 + origin. */
  readonly low: number;
}

export const ORIGIN_RANGE = 2 ** 32;
export const MAX_COUNTER = 2 ** 16 - 1;
const MAX_MS = 2 ** 48 - 1;
const TEXT = /^[0-9a-f]{24}$/;

/** Smaller than every version a clock hands out. */
export const VERSION_ZERO: Version = Object.freeze({ ms: 0, low: 0 });

export function makeVersion(ms: number, counter: number, origin: number): Version {
  return { ms, low: counter * ORIGIN_RANGE + origin };
}

export function counterOf(version: Version): number {
  return Math.floor(version.low / ORIGIN_RANGE);
}

export function originOf(version: Version): number {
  return version.low % ORIGIN_RANGE;
}

/** Negative, zero or positive as `a` is before, the same as, or after `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a.ms - b.ms || a.low - b.low;
}

/** The smallest version after `version` that `origin` can give. */
export function nextVersion(version: Version, origin: number): Version {
  const counter = counterOf(version) + 1;
  return counter > MAX_COUNTER ? makeVersion(version.ms + 1, 0, origin) : makeVersion(version.ms, counter, origin);
}

/** 24 lower-case hexadecimal digits: 12 of milliseconds, 4 of counter, 8 of origin. Sorts as the versions do. */
export function formatVersion(version: Version): string {
  return hex12(version.ms) + hex12(version.low);
}

/** @throws ProtocolError ERR_PROTOCOL_VERSION_TEXT unless `text` is what {@link formatVersion} writes. */
export function parseVersion(text: string): Version {
  if (!TEXT.test(text)) {
    throw new ProtocolError(
      'ERR_PROTOCOL_VERSION_TEXT',
      `a version is 24 lower-case hexadecimal digits, got ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return { ms: parseInt(text.slice(0, 12), 16), low: parseInt(text.slice(12), 16) };
}

export function isVersionText(text: string): boolean {
  return TEXT.test(text);
}

function hex12(value: number): string {
  if (value > MAX_MS)
    throw new ProtocolError('ERR_PROTOCOL_VERSION_RANGE', `a version part is below 2^48, got ${value}`);
  const text = value.toString(16);
  return text.length === 12 ? text : '000000000000'.slice(text.length) + text;
}
