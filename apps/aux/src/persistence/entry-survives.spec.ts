import { slotOfBinary } from '@dcs/consistent-hash';
import {
  decodeHeader,
  encodeHeader,
  entryFault,
  KIND_TOMBSTONE,
  MAX_EXPIRES_AT,
  MAX_VERSION_AHEAD_MS,
  MAX_VERSION_PART,
} from '@dcs/protocol';
import { RequestDecoder } from '@dcs/resp';
import fc from 'fast-check';
import { START, newStore } from '../../test/disk-folder.js';
import { readRecord, recordBytes, writeRecord } from '../backup/record.js';
import { Entry, frame, lengthOf, entryOf } from '../node/entry.js';
import { encodeEffect } from '../replication/copies/replicator.js';
import { decodeValue, encodeValue, isIntact, summarize } from './entry-codec.js';
import { RecordEncoder, RecordReader } from './journal-record.js';

const SALT = 7;

const binary = (constraints: { minLength?: number; maxLength: number }) =>
  fc.uint8Array(constraints).map((bytes) => Buffer.from(bytes).toString('latin1'));
/** Numbers at and beyond every edge that a layer has. */
const edges = fc.constantFrom(
  ...[0, -1, 1, 0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 48 - 1, 2 ** 48, 2 ** 52, 2 ** 53 - 1, 2 ** 53],
  ...[START, START + 0.25, START + MAX_VERSION_AHEAD_MS, START + MAX_VERSION_AHEAD_MS + 1, 2 ** 64],
);
const number = fc.oneof({ weight: 4, arbitrary: fc.nat(2 ** 40) }, { weight: 2, arbitrary: edges }, fc.double());
const kind = fc.oneof(
  fc.constantFrom(
    's',
    'j',
    'd',
    'r',
    '',
    'x',
    'rtext/plain',
    'rtext/plain\r\nx: y',
    `r${'a'.repeat(255)}`,
    `r${'a'.repeat(256)}`,
  ),
  binary({ maxLength: 300 }),
);
const key = fc.oneof(binary({ maxLength: 20 }), binary({ minLength: 510, maxLength: 514 }));
const anything = fc
  .record({ key, kind, value: binary({ maxLength: 60 }), ms: number, low: number, expiresAt: number })
  .map(({ key, kind, value, ms, low, expiresAt }) => ({
    key,
    entry: new Entry(kind === KIND_TOMBSTONE ? '' : frame(value), kind, ms, low, expiresAt, slotOfBinary(key)),
  }));

function throughWire(key: string, entry: Entry): Entry {
  const decoder = new RequestDecoder({ maxArguments: 10, maxBulkBytes: 2 ** 20, maxRequestBytes: 2 ** 21 });
  decoder.push(Buffer.from(encodeEffect(1, { key, entry, operation: undefined }), 'latin1'));
  expect(decoder.next()).toBe(true);
  const { version, expiresAt, kind } = decodeHeader(decoder.binary(3));
  return entryOf(decoder.binary(2), decoder.binary(4), version, expiresAt, kind);
}

function throughJournal(key: string, entry: Entry): Entry | undefined {
  const encoder = new RecordEncoder();
  encoder.begin(SALT, 0);
  encoder.addEntry(key, entry);
  let read: Entry | undefined;
  const reader = new RecordReader(Buffer.from(encoder.end()), SALT);
  const visitor = { entry: (_: string, found: Entry) => (read = found), flush: () => undefined };
  while (reader.read(visitor));
  expect(reader.damaged).toBe(0);
  return read;
}

function throughEntryFile(key: string, entry: Entry): Entry | undefined {
  const bytes = Buffer.from(key, 'latin1');
  const value = encodeValue(bytes, entry);
  expect(isIntact(bytes, value)).toBe(true);
  expect(summarize(value)).toMatchObject({ ms: entry.ms, low: entry.low, expiresAt: entry.expiresAt });
  return decodeValue(key, value);
}

function throughBackup(key: string, entry: Entry): Entry | undefined {
  const bytes = Buffer.alloc(recordBytes(key, entry));
  expect(writeRecord(bytes, 0, key, entry)).toBe(bytes.length);
  let read: Entry | undefined;
  expect(readRecord(bytes, 0, (_, found) => (read = found))).toBe(bytes.length);
  return read;
}

test('what gets in, from wherever, survives wire, journal, entry file and backup unchanged; what does not is counted', () => {
  let taken = 0;
  fc.assert(
    fc.property(anything, ({ key, entry }) => {
      const store = newStore({ maxEntries: 10, maxTombstones: 10 });
      const before = JSON.stringify([store.size, store.tombstones, store.digests.of(entry.slot)]);
      const outcome = store.merge(key, entry);
      const fault = entryFault(key.length, entry, lengthOf(entry.framed), START + MAX_VERSION_AHEAD_MS);
      expect(outcome === 'invalid').toBe(fault !== undefined);
      if (fault !== undefined) {
        expect(store.refused[fault]).toBe(1);
        expect(JSON.stringify([store.size, store.tombstones, store.digests.of(entry.slot)])).toBe(before);
        return;
      }
      taken++;
      for (const layer of [throughWire, throughJournal, throughEntryFile, throughBackup]) {
        expect({ layer: layer.name, entry: layer(key, entry) }).toEqual({ layer: layer.name, entry });
      }
    }),
    { numRuns: 2000, seed: 20 },
  );
  expect(taken).toBeGreaterThan(100);
});

test.each([
  ['the latest expiry', 'k', 's', START, 1, MAX_EXPIRES_AT],
  ['the greatest version', 'k', 'd', START + MAX_VERSION_AHEAD_MS, MAX_VERSION_PART, START],
  ['the longest key and kind', '\xff'.repeat(512), `r${'\xe9'.repeat(255)}`, 0, 0, 2 ** 48],
])('%s goes through every layer', (_, key, kind, ms, low, expiresAt) => {
  const entry = new Entry(kind === 'd' ? '' : frame('v'), kind, ms, low, expiresAt, slotOfBinary(key));
  expect(entryFault(key.length, entry, 1, START + MAX_VERSION_AHEAD_MS)).toBeUndefined();
  for (const layer of [throughWire, throughJournal, throughEntryFile, throughBackup])
    expect(layer(key, entry)).toEqual(entry);
  expect(decodeHeader(encodeHeader(entry, expiresAt, kind)).expiresAt).toBe(expiresAt);
});

test('an entry file of a version before, whose kind had 16 bits for its length, reads the same', () => {
  const key = Buffer.from('k');
  const value = encodeValue(key, new Entry(frame('v'), 'rimage/png', START, 5, 2 ** 48 - 1, slotOfBinary('k')));
  expect(value.subarray(4, 24).toString('hex')).toBe(
    `${START.toString(16).padStart(12, '0')}000000000005ffffffffffff000a`,
  );
});

test('an expiry with a fraction, as journals and backups of before have it, is the next ms', () => {
  const before = new Entry(frame('v'), 's', START, 5, START + 0.25, slotOfBinary('k'));
  const after = new Entry(frame('v'), 's', START, 5, START + 1, slotOfBinary('k'));
  for (const layer of [throughWire, throughJournal, throughBackup]) expect(layer('k', before)).toEqual(after);
  expect(newStore().merge('k', after)).toBe('applied');
});

test('bytes with a right checksum that are no framed value are no entry', () => {
  const broken = new Entry('$5\r\nab\r\n', 's', START, 5, 0, slotOfBinary('k'));
  expect(decodeValue('k', encodeValue(Buffer.from('k'), broken))).toBeUndefined();
  const encoder = new RecordEncoder();
  encoder.begin(SALT, 0);
  encoder.addEntry('k', broken);
  encoder.addEntry('l', entryOf('l', 'sound', { ms: 1, low: 1 }));
  const keys: string[] = [];
  const reader = new RecordReader(Buffer.from(encoder.end()), SALT);
  while (reader.read({ entry: (key) => void keys.push(key), flush: () => undefined }));
  expect([keys, reader.damaged]).toEqual([['l'], 1]);
});
