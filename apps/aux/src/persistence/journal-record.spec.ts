import { makeVersion, type Version } from '@dcs/protocol';
import fc from 'fast-check';
import { type Entry, entryOf } from '../node/entry.js';
import {
  entryRecordLength,
  FLUSH_RECORD_LENGTH,
  RecordReader,
  seedAt,
  writeEntryRecord,
  writeFlushRecord,
} from './journal-record.js';

const SALT = 0xfffffff0;

type Item = { readonly key: string; readonly entry: Entry } | { readonly floor: Version };

const binary = (constraints: { minLength?: number; maxLength: number }) =>
  fc.uint8Array(constraints).map((bytes) => Buffer.from(bytes).toString('latin1'));
const version = fc
  .tuple(fc.nat(2 ** 40), fc.nat(2 ** 16 - 1), fc.nat(2 ** 32 - 1))
  .map(([ms, counter, origin]) => makeVersion(ms, counter, origin));
const item: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .record({
        key: binary({ minLength: 1, maxLength: 20 }),
        value: binary({ maxLength: 60 }),
        version,
        expiresAt: fc.nat(2 ** 45),
      })
      .map(({ key, value, version, expiresAt }) => ({
        key,
        entry: entryOf(key, value, version, expiresAt, 'rimage/png'),
      })),
  },
  { weight: 1, arbitrary: version.map((floor) => ({ floor })) },
);

function encode(items: readonly Item[]): { bytes: Buffer; ends: number[] } {
  const lengths = items.map((each) =>
    'floor' in each ? FLUSH_RECORD_LENGTH : entryRecordLength(each.key, each.entry),
  );
  const bytes = Buffer.alloc(lengths.reduce((a, b) => a + b, 0));
  let at = 0;
  const ends = items.map((each) => {
    const seed = seedAt(SALT, at);
    at =
      'floor' in each
        ? writeFlushRecord(bytes, at, seed, each.floor)
        : writeEntryRecord(bytes, at, seed, each.key, each.entry);
    return at;
  });
  return { bytes, ends };
}

function decode(bytes: Buffer, salt = SALT): { items: Item[]; damaged: number } {
  const items: Item[] = [];
  const reader = new RecordReader(bytes, salt);
  const visitor = {
    entry: (key: string, entry: Entry) => void items.push({ key, entry }),
    flush: (floor: Version) => void items.push({ floor }),
  };
  while (reader.read(3, visitor));
  return { items, damaged: reader.damaged };
}

test('records round-trip', () => {
  fc.assert(
    fc.property(fc.array(item), (items) => {
      expect(decode(encode(items).bytes)).toEqual({ items, damaged: 0 });
    }),
  );
});

test('a torn end costs what it holds, and is no damage', () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 1 }), fc.nat(), (items, cut) => {
      const { bytes, ends } = encode(items);
      const length = cut % bytes.length;
      const whole = ends.filter((end) => end <= length).length;
      expect(decode(bytes.subarray(0, length))).toEqual({ items: items.slice(0, whole), damaged: 0 });
    }),
  );
});

test('damage in the middle costs the record it is in, and is counted', () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 2 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (items, where, flip) => {
      const { bytes, ends } = encode(items);
      const at = where % bytes.length;
      bytes[at]! ^= flip;
      const hit = ends.findIndex((end) => at < end);
      const last = hit === items.length - 1;
      expect(decode(bytes)).toEqual({ items: items.filter((_, i) => i !== hit), damaged: last ? 0 : 1 });
    }),
  );
});

test('bytes that look like a record are none, whatever is damaged around them', () => {
  const inner = encode([{ key: 'k', entry: entryOf('k', 'forged', makeVersion(9, 0, 0)) }]).bytes.toString('latin1');
  const items: Item[] = ['a', 'b'].map((key) => ({ key, entry: entryOf(key, inner, makeVersion(1, 0, 0)) }));
  const { bytes, ends } = encode(items);
  bytes[20]! ^= 1;
  expect(decode(bytes)).toEqual({ items: [items[1]], damaged: 1 });
  expect(ends).toHaveLength(2);
});

test('records of another file are none', () => {
  const { bytes } = encode([{ key: 'k', entry: entryOf('k', 'v', makeVersion(9, 0, 0)) }]);
  expect(decode(bytes, SALT + 1).items).toEqual([]);
});
