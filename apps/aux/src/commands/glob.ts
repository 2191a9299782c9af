const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/** Longest pattern: with the longest key it takes some milliseconds to match. */
export const MAX_PATTERN_BYTES = 1024;

/**
 * Redis's glob patterns over binary strings: `*`, `?`, `[abc]`, `[^a]`, `[a-z]` and `\\` for a literal. Goes back to the
 * last `*` only, so it is O(pattern * key) where naive recursion is exponential.
 * @returns undefined for a pattern of more than {@link MAX_PATTERN_BYTES}
 */
export function globMatcher(pattern: string): ((key: string) => boolean) | undefined {
  return pattern.length > MAX_PATTERN_BYTES ? undefined : (key) => matches(pattern, key);
}

function matches(pattern: string, key: string): boolean {
  let p = 0;
  let k = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (k < key.length) {
    if (p < pattern.length && pattern.charCodeAt(p) === STAR) {
      starAt = p++;
      resumeAt = k;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, key.charCodeAt(k)) : -1;
    if (next !== -1) {
      p = next;
      k++;
    } else if (starAt !== -1) {
      p = starAt + 1;
      k = ++resumeAt;
    } else {
      return false;
    }
  }
  while (p < pattern.length && pattern.charCodeAt(p) === STAR) p++;
  return p === pattern.length;
}

/** Matches one character at `p`; returns where the pattern goes on, or -1. */
function matchOne(pattern: string, p: number, char: number): number {
  const code = pattern.charCodeAt(p);
  if (code === QUESTION) return p + 1;
  if (code === OPEN) return matchClass(pattern, p + 1, char);
  if (code === BACKSLASH && p + 1 < pattern.length) return pattern.charCodeAt(p + 1) === char ? p + 2 : -1;
  return code === char ? p + 1 : -1;
}

/** A class without its `]` ends with the pattern, as in Redis. */
function matchClass(pattern: string, start: number, char: number): number {
  let p = start;
  const negated = pattern.charCodeAt(p) === CARET;
  if (negated) p++;
  let found = false;
  while (p < pattern.length && pattern.charCodeAt(p) !== CLOSE) {
    let low = pattern.charCodeAt(p);
    if (low === BACKSLASH && p + 1 < pattern.length) low = pattern.charCodeAt(++p);
    else if (p + 2 < pattern.length && pattern.charCodeAt(p + 1) === DASH) {
      const high = pattern.charCodeAt(p + 2);
      if (char >= Math.min(low, high) && char <= Math.max(low, high)) found = true;
      p += 3;
      continue;
    }
    if (low === char) found = true;
    p++;
  }
  return found === negated ? -1 : Math.min(p + 1, pattern.length);
}
