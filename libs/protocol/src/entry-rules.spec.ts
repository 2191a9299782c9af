import {
  type EntryFault,
  entryFault,
  isEntryKind,
  MAX_EXPIRES_AT,
  MAX_STORABLE_VALUE_BYTES,
  MAX_VERSION_AHEAD_MS,
} from './entry-rules.js';
import { MAX_VERSION_PART } from './version.js';

const NOW = 1_700_000_000_000;
const LATEST = NOW + MAX_VERSION_AHEAD_MS;
const SOUND = { keyBytes: 3, ms: NOW, low: 1, expiresAt: 0, kind: 's', valueBytes: 5 };

test.each<[EntryFault | undefined, Partial<typeof SOUND>]>([
  [undefined, {}],
  [undefined, { keyBytes: 512, kind: `r${'a'.repeat(255)}`, valueBytes: MAX_STORABLE_VALUE_BYTES }],
  [undefined, { ms: LATEST, low: MAX_VERSION_PART, expiresAt: MAX_EXPIRES_AT }],
  ['key', { keyBytes: 0 }],
  ['key', { keyBytes: 513 }],
  ['kind', { kind: '' }],
  ['kind', { kind: 'x' }],
  ['kind', { kind: 'sj' }],
  ['kind', { kind: 'r' }],
  ['kind', { kind: 'rtext/plain\r\nset-cookie: a' }],
  ['kind', { kind: `r${'a'.repeat(256)}` }],
  ['value', { valueBytes: MAX_STORABLE_VALUE_BYTES + 1 }],
  ['expiry', { expiresAt: -1 }],
  ['expiry', { expiresAt: 0.5 }],
  ['expiry', { expiresAt: NaN }],
  ['expiry', { expiresAt: MAX_EXPIRES_AT + 1 }],
  ['version', { ms: -1 }],
  ['version', { ms: NaN }],
  ['version', { ms: MAX_VERSION_PART + 1 }],
  ['version', { low: 0.5 }],
  ['version', { low: MAX_VERSION_PART + 1 }],
  ['ahead', { ms: LATEST + 1 }],
  ['ahead', { ms: MAX_VERSION_PART, low: MAX_VERSION_PART }],
])('%s is what is wrong with %j', (fault, parts) => {
  const { keyBytes, valueBytes, ...entry } = { ...SOUND, ...parts };
  expect(entryFault(keyBytes, entry, valueBytes, LATEST)).toBe(fault);
});

test('the kinds are those of strings, JSON, tombstones, and content types', () => {
  expect(['s', 'j', 'd', 'rimage/png'].every(isEntryKind)).toBe(true);
});
