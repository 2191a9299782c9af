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
/** Of each of the two parts of a version. */
export const MAX_VERSION_PART = 2 ** 48 - 1;
const PART_DIGITS = 12;
/** Three hexadecimal digits for each number of 12 bits: far cheaper than `toString(16)`. */
const HEX3 = Array.from({ length: 4096 }, (_, i) => i.toString(16).padStart(3, '0'));

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

const MAX_LOW = 2 ** 48 - 1;

/** The greatest version that is smaller. */
export function previousVersion({ ms, low }: Version): Version {
  return low > 0 ? { ms, low: low - 1 } : { ms: ms - 1, low: MAX_LOW };
}

/** 24 lower-case hexadecimal digits: 12 of milliseconds, 4 of counter, 8 of origin. Sorts as the versions do. */
export function formatVersion(version: Version): string {
  return hex12(version.ms) + hex12(version.low);
}

/** @throws ProtocolError ERR_PROTOCOL_VERSION_TEXT unless `text` is what {@link formatVersion} writes. */
export function parseVersion(text: string): Version {
  const ms = parsePart(text, 0);
  const low = parsePart(text, PART_DIGITS);
  if (ms < 0 || low < 0) {
    throw new ProtocolError(
      'ERR_PROTOCOL_VERSION_TEXT',
      `a version is 24 lower-case hexadecimal digits, got ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return { ms, low };
}

export function isVersionText(text: string): boolean {
  return parsePart(text, 0) >= 0 && parsePart(text, PART_DIGITS) >= 0;
}

function hex12(value: number): string {
  if (value > MAX_VERSION_PART)
    throw new ProtocolError('ERR_PROTOCOL_VERSION_RANGE', `a version part is below 2^48, got ${value}`);
  const upper = Math.floor(value / 2 ** 24);
  const lower = value - upper * 2 ** 24;
  return HEX3[upper >> 12]! + HEX3[upper & 0xfff]! + HEX3[lower >> 12]! + HEX3[lower & 0xfff]!;
}

/** The part of a version's text that begins at `at`; -1 when the text is none. */
function parsePart(text: string, at: number): number {
  if (text.length !== 2 * PART_DIGITS) return -1;
  const upper = parseHalf(text, at);
  const lower = parseHalf(text, at + PART_DIGITS / 2);
  return upper < 0 || lower < 0 ? -1 : upper * 2 ** 24 + lower;
}

function parseHalf(text: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + PART_DIGITS / 2; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) value = (value << 4) | (code - 0x30);
    else if (code >= 0x61 && code <= 0x66) value = (value << 4) | (code - 0x57);
    else return -1;
  }
  return value;
}
