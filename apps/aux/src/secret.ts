import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares with the cluster secret in a time that tells nothing of it, not even its length. */
export function secretChecker(secret: string | undefined): (given: string) => boolean {
  if (secret === undefined) return () => true;
  const expected = digest(Buffer.from(secret, 'utf8'));
  return (given) => timingSafeEqual(digest(Buffer.from(given, 'latin1')), expected);
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
