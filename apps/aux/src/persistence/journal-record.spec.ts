import { KIND_STRING, makeVersion, type Version } from '@dcs/protocol';
import fc from 'fast-check';
import { type Entry, entryOf } from '../node/entry.js';
import { RecordEncoder, RecordReader } from './journal-record.js';

const SALT = 0xfffffff0;

type Item = { readonly key: string; readonly entry: Entry } | { readonly floor: Version };

const binary = (constraints: { minLength?: number; maxLength: number }) =>
  fc.uint8Array(constraints).map((bytes) => Buffer.from(bytes).toString('latin1'));
const version = fc
  .tuple(fc.nat(2 ** 40), fc.nat(2 ** 16 - 1), fc.nat(2 ** 32 - 1))
  .map(([ms, counter, origin]) => makeVersion(ms, counter, origin));
const entry: fc.Arbitrary<Item> = fc
  .record({
    key: binary({ minLength: 1, maxLength: 20 }),
    value: binary({ maxLength: 60 }),
    version,
    expiresAt: fc.nat(2 ** 45),
    kind: fc.constantFrom(KIND_STRING, 'j', 'd', 'rimage/png'),
  })
  .map(({ key, value, version, expiresAt, kind }) => ({ key, entry: entryOf(key, value, version, expiresAt, kind) }));
/** What comes to be one record. */
const record: fc.Arbitrary<Item[]> = fc.oneof(
  { weight: 9, arbitrary: fc.array(entry, { minLength: 1, maxLength: 5 }) },
  { weight: 1, arbitrary: version.map((floor) => [{ floor }]) },
);

function add(encoder: RecordEncoder, items: readonly Item[]): void {
  for (const each of items) {
    if ('floor' in each) encoder.addFlush(each.floor);
    else encoder.addEntry(each.key, each.entry);
  }
}

/** Each list as a record of its own. */
function encode(records: readonly (readonly Item[])[]): { bytes: Buffer; ends: number[] } {
  const encoder = new RecordEncoder();
  let bytes = Buffer.alloc(0);
  const ends = records.map((items) => {
    encoder.begin(SALT, bytes.length);
    add(encoder, items);
    bytes = Buffer.concat([bytes, encoder.end()]);
    return bytes.length;
  });
  return { bytes, ends };
}

/** As many to a record as the encoder puts there. */
function encodeTogether(items: readonly Item[]): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin(SALT, 0);
  add(encoder, items);
  return Buffer.from(encoder.end());
}

function decode(bytes: Buffer, salt = SALT): { items: Item[]; damaged: number } {
  const items: Item[] = [];
  const reader = new RecordReader(bytes, salt);
  const visitor = {
    entry: (key: string, found: Entry) => void items.push({ key, entry: found }),
    flush: (floor: Version) => void items.push({ floor }),
  };
  while (reader.read(visitor));
  return { items, damaged: reader.damaged };
}

test('records round-trip', () => {
  fc.assert(
    fc.property(fc.array(record), (records) => {
      expect(decode(encode(records).bytes)).toEqual({ items: records.flat(), damaged: 0 });
    }),
  );
});

test('so does what is encoded together, and keeps its order', () => {
  const items = fc.array(
    fc.oneof({ weight: 99, arbitrary: entry }, { weight: 1, arbitrary: record.map(([x]) => x!) }),
    {
      minLength: 100,
      maxLength: 300,
    },
  );
  fc.assert(
    fc.property(items, (list) => {
      expect(decode(encodeTogether(list))).toEqual({ items: list, damaged: 0 });
    }),
    { numRuns: 20 },
  );
});

test('a torn end costs what it holds, and is no damage', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1 }), fc.nat(), (records, cut) => {
      const { bytes, ends } = encode(records);
      const length = cut % bytes.length;
      const whole = ends.filter((end) => end <= length).length;
      expect(decode(bytes.subarray(0, length))).toEqual({ items: records.slice(0, whole).flat(), damaged: 0 });
    }),
  );
});

test('damage in the middle costs the record it is in, and is counted', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 2 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (records, where, flip) => {
        const { bytes, ends } = encode(records);
        const at = where % bytes.length;
        bytes[at]! ^= flip;
        const hit = ends.findIndex((end) => at < end);
        const damaged = hit === records.length - 1 ? 0 : 1;
        expect(decode(bytes)).toEqual({ items: records.filter((_, i) => i !== hit).flat(), damaged });
      },
    ),
  );
});

test.each([
  ['64 small entries', 1000, 10, 64],
  ['16 KiB of larger ones', 100, 5000, 4],
  ['one that is larger than that', 10, 100_000, 1],
])('a damaged byte costs at most %s', (_, count, valueBytes, most) => {
  const items = Array.from({ length: count }, (__, i) => {
    const key = `k${i}`;
    return { key, entry: entryOf(key, 'v'.repeat(valueBytes), makeVersion(i, 0, 0)) };
  });
  const bytes = encodeTogether(items);
  bytes[bytes.length >> 1]! ^= 1;
  const { items: found, damaged } = decode(bytes);
  expect([count - found.length, damaged]).toEqual([most, 1]);
});

test('bytes that look like a record are none, whatever is damaged around them', () => {
  const inner = encodeTogether([{ key: 'k', entry: entryOf('k', 'forged', makeVersion(9, 0, 0)) }]).toString('latin1');
  const items: Item[] = ['a', 'b'].map((key) => ({ key, entry: entryOf(key, inner, makeVersion(1, 0, 0)) }));
  const { bytes } = encode(items.map((each) => [each]));
  bytes[20]! ^= 1;
  expect(decode(bytes)).toEqual({ items: [items[1]], damaged: 1 });
});

test('records of another file are none', () => {
  const bytes = encodeTogether([{ key: 'k', entry: entryOf('k', 'v', makeVersion(9, 0, 0)) }]);
  expect(decode(bytes, SALT + 1).items).toEqual([]);
});
