import type { Random } from '../kernel/random.js';
import type { OperationKind } from './history.js';

/**
 * What is done to the keys of a family; each family makes one promise easy to check.
 *
 * - `plain`: set and read only: once written, never missing.
 * - `deleted`: set, deleted, read.
 * - `guarded`: added and compared-and-set, deleted, read.
 * - `counter`: incremented and read only.
 * - `expiring`: set with a time to live, read.
 */
export type Family = 'plain' | 'deleted' | 'guarded' | 'counter' | 'expiring';

const CHOICES: Readonly<Record<Family, readonly OperationKind[]>> = {
  plain: ['set', 'set', 'get', 'get'],
  deleted: ['set', 'set', 'delete', 'get', 'get'],
  guarded: ['add', 'cas', 'cas', 'delete', 'get'],
  counter: ['increment', 'increment', 'get'],
  expiring: ['set', 'set', 'get', 'get'],
};

const FAMILY_OF: Readonly<Record<string, Family>> = {
  p: 'plain',
  d: 'deleted',
  g: 'guarded',
  c: 'counter',
  e: 'expiring',
};

export interface KeyspaceSize {
  readonly plain: number;
  readonly deleted: number;
  readonly guarded: number;
  readonly counter: number;
  readonly expiring: number;
}

/** Slots that hold keys of several families, of each family those with an odd number; each other key has its own slot. */
const SHARED_SLOTS = 3;

export function keysOf(size: KeyspaceSize): string[] {
  const keys: string[] = [];
  for (const [letter, family] of Object.entries(FAMILY_OF)) {
    for (let i = 0; i < size[family]; i++)
      keys.push(i % 2 === 0 ? `${letter}${i}` : `${letter}${i}{${i % SHARED_SLOTS}}`);
  }
  return keys;
}

export function familyOf(key: string): Family {
  const family = FAMILY_OF[key.charAt(0)];
  if (family === undefined) throw new RangeError(`key: got ${JSON.stringify(key)}, want one of the keyspace's`);
  return family;
}

export function chooseOperation(random: Random, key: string): OperationKind {
  return random.pick(CHOICES[familyOf(key)]);
}
