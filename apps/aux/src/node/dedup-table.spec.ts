import { decodeFetchReply, encodeResult, makeVersion, type DedupRecord, SlotSet, type Version } from '@dcs/protocol';
import { MAX_OPERATION_AGE_MS, DedupTable } from './dedup-table.js';
import { TokenResults } from './token-results.js';

const NOW = 1_700_000_000_000;
const stamp = (i: number): Version => makeVersion(NOW, i, 1);

function setup() {
  const time = { now: NOW };
  const dedup = new DedupTable({ now: () => time.now, recentOperations: 1024 });
  return { time, dedup };
}

function pages(dedup: DedupTable, slots: SlotSet, size = 10): DedupRecord[] {
  const found: DedupRecord[] = [];
  let cursor = '0';
  do {
    let left = size;
    cursor = dedup.scan(slots, cursor, 100, (operation) => {
      found.push(operation);
      return --left > 0;
    })!;
    expect(left).toBeGreaterThanOrEqual(0);
  } while (cursor !== '0');
  return found;
}

test('what is remembered of some slots goes to another node page by page, and is known there', () => {
  const { dedup } = setup();
  for (let i = 0; i < 200; i++) {
    const token = i % 3 === 0 ? `t${i}` : '';
    dedup.record(`k${i % 4}`, i % 4, makeVersion(NOW + 1, i, 2), { stamp: stamp(i), value: i, token });
  }
  const other = setup().dedup;
  for (const operation of pages(dedup, SlotSet.of([1, 2]))) other.merge(operation);
  for (let i = 0; i < 200; i++) {
    const slot = i % 4;
    const known = other.find({ stamp: stamp(i), token: '' }, `k${slot}`, slot);
    expect(known?.value).toBe(slot === 1 || slot === 2 ? i : undefined);
    if (i % 3 !== 0) continue;
    const byToken = other.find({ stamp: stamp(60_000), token: `t${i}` }, `k${slot}`, slot);
    expect(byToken).toEqual(slot === 1 || slot === 2 ? expect.objectContaining({ value: i }) : undefined);
  }
});

test('what another node answers of one operation is known by its stamp, and by its token', () => {
  const { dedup } = setup();
  dedup.learn({ stamp: stamp(1), token: 't' }, 'k', 1, { version: stamp(1), value: 5 });
  dedup.learn({ stamp: stamp(2), token: '' }, 'k', 1, { version: stamp(2), value: 6 });
  expect(dedup.find({ stamp: stamp(1), token: '' }, 'k', 1)?.value).toBe(5);
  expect(dedup.find({ stamp: stamp(3), token: 't' }, 'k', 1)?.value).toBe(5);
  expect(dedup.find({ stamp: stamp(2), token: '' }, 'k', 1)?.value).toBe(6);
});

test('a key that was used for another request is told, wherever what is remembered has come from', () => {
  const { dedup } = setup();
  dedup.record('k', 1, stamp(1), { stamp: stamp(1), value: 5, token: 'aaaa key' });
  const imported = setup().dedup;
  for (const operation of pages(dedup, SlotSet.of([1]))) imported.merge(operation);
  const asked = setup().dedup;
  const other = { stamp: stamp(2), token: 'bbbb key' };
  const known = decodeFetchReply([null, null, '', encodeResult(dedup.find(other, 'k', 1))]).result!;
  asked.learn(other, 'k', 1, known);
  for (const table of [dedup, imported, asked]) {
    expect(table.isReused(other, 'k')).toBe(true);
    expect(table.isReused({ stamp: stamp(3), token: 'aaaa key' }, 'k')).toBe(false);
    expect(table.isReused({ stamp: stamp(3), token: 'key' }, 'k')).toBe(false); // of a gateway that sends no digest
    expect(table.isReused(other, 'another')).toBe(false);
    expect(table.find({ stamp: stamp(3), token: 'aaaa key' }, 'k', 1)?.value).toBe(5);
  }
  expect(asked.find({ stamp: stamp(2), token: '' }, 'k', 1)).toBeUndefined(); // it was not this operation
});

test('a token is forgotten everywhere at the same time, however often it travels', () => {
  const { dedup, time } = setup();
  dedup.record('k', 1, stamp(1), { stamp: stamp(1), value: 5, token: 't' });
  time.now += 500_000;
  const other = new DedupTable({ now: () => time.now });
  for (const operation of pages(dedup, SlotSet.of([1]))) other.merge(operation);
  const again = { stamp: makeVersion(time.now, 0, 1), token: 't' };
  expect(other.find(again, 'k', 1)).toMatchObject({ value: 5 });
  time.now += 100_001;
  expect(other.find(again, 'k', 1)).toBeUndefined();
});

test('operations too old to be repeated do not travel', () => {
  const { dedup, time } = setup();
  dedup.record('k', 1, stamp(1), { stamp: stamp(1), value: 5, token: '' });
  expect(pages(dedup, SlotSet.of([1]))).toHaveLength(1);
  time.now += MAX_OPERATION_AGE_MS + 1;
  expect(pages(dedup, SlotSet.of([1]))).toHaveLength(0);
});

test('of two results for one operation the later counts, in whatever order they come', () => {
  const early = { slot: 1, stamp: stamp(1), version: makeVersion(NOW, 5, 1), value: 5 };
  const later = { slot: 1, stamp: stamp(1), version: makeVersion(NOW, 6, 1), value: 6 };
  for (const order of [
    [early, later],
    [later, early],
  ]) {
    const { dedup } = setup();
    for (const operation of order) dedup.merge(operation);
    expect(dedup.find({ stamp: stamp(1), token: '' }, 'k', 1)).toMatchObject({ value: 6 });
  }
});

test('a cursor that is none is refused', () => {
  expect(setup().dedup.scan(new SlotSet(), 'x', 10, () => true)).toBeUndefined();
});

test('token results are bounded in number and in time', () => {
  let now = 0;
  const tokens = new TokenResults({ max: 10, now: () => now });
  const result = { version: makeVersion(1, 0, 0), value: 4 };
  const remember = (token: string) => tokens.record({ ...result, key: 'k', token, slot: 1, forgetAt: now + 100 });
  for (let i = 0; i < 50; i++) remember(`t${i}`);
  expect(tokens.size).toBe(10);
  expect(tokens.find('k', 't49')).toMatchObject(result);
  expect(tokens.find('k', 't0')).toBeUndefined();
  now = 101;
  expect(tokens.find('k', 't49')).toBeUndefined();
  for (let i = 0; i < 6; i++) remember(`u${i}`);
  expect(tokens.size).toBeLessThanOrEqual(6);
  expect(tokens.find('k', 'u0')).toMatchObject(result);
});
