import { operationsOn } from '../../test/operations.js';
import { checkCopies, type NodeContents } from './copies.js';
import { checkCounter } from './counters.js';
import { checkFinalValue } from './final-values.js';
import { checkFalseMisses, checkInvented, checkMonotonic, checkRepeated, checkRevived } from './reads.js';

const op = operationsOn('p0');
const unknown = { outcome: 'unknown', completedAt: Infinity } as const;
const refused = { outcome: 'fail' } as const;
const checks = (violations: readonly { check: string }[]): string[] => violations.map(({ check }) => check);

describe('the final value', () => {
  const final = (value: string | null, version?: string) => ({ value, version, at: 1000 });
  const first = op('set', 0, 10, { value: 'a', version: '1' });
  const second = op('set', 20, 30, { value: 'b', version: '2' });

  test('may be the last acknowledged write, or either of two concurrent ones', () => {
    expect(checkFinalValue('p0', [first, second], final('b', '2'), 0)).toEqual([]);
    const concurrent = op('set', 5, 30, { value: 'b', version: '1' });
    expect(checkFinalValue('p0', [first, concurrent], final('a', '1'), 0)).toEqual([]);
  });

  test('is lost when it is older than an acknowledged write', () => {
    expect(checks(checkFinalValue('p0', [first, second], final('a', '1'), 0))).toEqual(['lost']);
    expect(checkFinalValue('p0', [first, second], final('a', '2'), 15)).toEqual([]);
  });

  test('is lost when its version is below an acknowledged one', () => {
    const concurrent = op('set', 5, 30, { value: 'b', version: '2' });
    expect(checks(checkFinalValue('p0', [first, concurrent], final('a', '1'), 0))).toEqual(['lost']);
  });

  test('may be a write of unknown outcome, however late, until it was seen', () => {
    const late = op('set', 0, 0, { value: 'c', ...unknown });
    expect(checkFinalValue('p0', [late, second], final('c', '9'), 0)).toEqual([]);
    const seen = op('get', 11, 15, { read: 'c' });
    expect(checks(checkFinalValue('p0', [late, seen, second], final('c', '9'), 0))).toEqual(['lost']);
  });

  test('is invented when nobody wrote it', () => {
    expect(checks(checkFinalValue('p0', [first], final('x'), 0))).toEqual(['invented']);
  });

  test('is lost when it is absent without a delete or an expiry', () => {
    expect(checks(checkFinalValue('p0', [first], final(null), 0))).toEqual(['lost']);
    expect(checkFinalValue('p0', [], final(null), 0)).toEqual([]);
    expect(checkFinalValue('p0', [first, op('delete', 20, 30, { answer: true })], final(null), 0)).toEqual([]);
    expect(checkFinalValue('e0', [{ ...first, expiresAt: 500 }], final(null), 0)).toEqual([]);
  });

  test('is resurrected when a delete was acknowledged after it', () => {
    const deleted = op('delete', 20, 30, { answer: true });
    expect(checks(checkFinalValue('d0', [first, deleted], final('a', '1'), 0))).toEqual(['resurrected']);
    expect(checks(checkFinalValue('d0', [first, deleted, op('set', 40, 50, { value: 'c' })], final(null), 0))).toEqual([
      'lost',
    ]);
  });
});

describe('reads', () => {
  test('see what was written to their key', () => {
    const set = op('set', 0, 10, { value: 'a' });
    expect(checkInvented('p0', [set, op('get', 5, 6, { read: 'a' }), op('get', 1, 2, { read: null })], false)).toEqual(
      [],
    );
    expect(checks(checkInvented('p0', [set, op('get', 5, 6, { read: 'x' })], false))).toEqual(['invented']);
    expect(
      checks(checkInvented('p0', [op('set', 8, 9, { value: 'a' }), op('get', 5, 6, { read: 'a' })], false)),
    ).toEqual(['invented']);
  });

  test('do not see a refused write, except where a lost attempt of it may still arrive', () => {
    const history = [op('add', 0, 5, { value: 'a', ...refused }), op('get', 6, 7, { read: 'a' })];
    expect(checks(checkInvented('g0', history, false))).toEqual(['invented']);
    expect(checkInvented('g0', history, true)).toEqual([]);
  });

  test('do not go back within a session', () => {
    const newer = op('get', 0, 1, { read: 'b', version: '2' });
    const older = op('get', 2, 3, { read: 'a', version: '1' });
    expect(checks(checkMonotonic('p0', [newer, older]))).toEqual(['monotonic']);
    expect(checkMonotonic('p0', [older, newer])).toEqual([]);
    expect(checkMonotonic('p0', [newer, { ...older, session: 't' }])).toEqual([]);
  });

  test('do not see an entry that another took the place of and that has expired since', () => {
    const first = op('set', 0, 1, { value: 'a' });
    const second = op('set', 2, 3, { value: 'b', expiresAt: 5 });
    expect(checks(checkRevived('e0', [first, second, op('get', 9, 10, { read: 'a' })]))).toEqual(['resurrected']);
    expect(checkRevived('e0', [first, second, op('get', 2, 10, { read: 'a' })])).toEqual([]);
  });

  test('never miss a key that nobody deletes', () => {
    const set = op('set', 0, 10, { value: 'a' });
    expect(checks(checkFalseMisses('p0', [set, op('get', 11, 12, { read: null })]))).toEqual(['lost']);
    expect(checkFalseMisses('p0', [set, op('get', 9, 12, { read: null })])).toEqual([]);
    expect(checkFalseMisses('d0', [set, op('get', 11, 12, { read: null })])).toEqual([]);
    expect(checks(checkFalseMisses('p0', [set, op('get', 11, 12, { read: null })], 11))).toEqual(['lost']);
    expect(checkFalseMisses('p0', [set, op('get', 11, 12, { read: null })], 10)).toEqual([]);
  });

  test('do not see one write take effect again over another', () => {
    const history = [
      op('set', 0, 1, { value: 'a', version: '1' }),
      op('set', 2, 3, { value: 'b', version: '2' }),
      op('get', 4, 5, { read: 'a', version: '3' }),
    ];
    expect(checks(checkRepeated('p0', history))).toEqual(['repeated']);
    expect(checkRepeated('p0', [history[0]!, { ...history[1]!, version: '4' }, history[2]!])).toEqual([]);
  });
});

describe('a counter', () => {
  const history = [op('increment', 0, 1, { by: 2 }), op('increment', 2, 2, { by: 3, ...unknown })];

  test('ends between what was acknowledged and what is possible', () => {
    expect(checkCounter('c0', history, '2', true)).toEqual([]);
    expect(checkCounter('c0', history, '5', true)).toEqual([]);
    expect(checks(checkCounter('c0', history, '6', true))).toEqual(['counter']);
    expect(checks(checkCounter('c0', history, '1', true))).toEqual(['counter']);
  });

  test('may lose increments where two nodes acted at once, but never gains any', () => {
    expect(checkCounter('c0', history, '1', false)).toEqual([]);
    expect(checks(checkCounter('c0', history, '6', false))).toEqual(['counter']);
  });
});

describe('copies', () => {
  const node = (name: string, entries: Record<string, string>, digest = 'd'): NodeContents => ({
    id: name,
    entries: new Map(Object.entries(entries).map(([key, value]) => [key, { value, version: '1' }])),
    digestOf: () => digest,
  });
  const placement = { slotOf: () => 0, ownersOf: () => ['a', 'b'] };

  test('are the same on every owner, and nowhere else', () => {
    expect(checkCopies([node('a', { k: 'x' }), node('b', { k: 'x' }), node('c', {})], placement)).toEqual([]);
  });

  test('that are missing or differ are found', () => {
    expect(checks(checkCopies([node('a', { k: 'x' }), node('b', {})], placement))).toEqual(['copies']);
    expect(checks(checkCopies([node('a', { k: 'x' }), node('b', { k: 'y' })], placement))).toEqual(['copies']);
    expect(checks(checkCopies([node('a', { k: 'x' }, '1'), node('b', { k: 'x' }, '2')], placement))).toEqual([
      'copies',
    ]);
  });

  test('left behind are found', () => {
    const nodes = [node('a', { k: 'x' }), node('b', { k: 'x' }), node('c', { k: 'x' })];
    expect(checks(checkCopies(nodes, placement))).toEqual(['stray']);
  });
});
