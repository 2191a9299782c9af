import { operationsOn } from '../../test/operations.js';
import { checkCounter } from './counters.js';
import { checkFinalValue } from './final-values.js';
import { checkLinearizable } from './linearizability.js';
import { afterLosses, partsOf, withoutReadsOfSpanning, withoutSpanning } from './losses.js';

const op = operationsOn('c0');

describe('when all processes were gone', () => {
  test('an increment that was under way may count twice, others not', () => {
    const spanning = op('increment', 90, 200, { by: 2 });
    const before = op('increment', 10, 20, { by: 1 });
    const history = afterLosses([before, spanning], [100], []);
    expect(checkCounter('c0', history, '5', true)).toEqual([]);
    expect(checkCounter('c0', history, '3', true)).toEqual([]);
    expect(checkCounter('c0', history, '6', true)).toHaveLength(1);
    expect(checkCounter('c0', history, '2', true)).toHaveLength(1);
  });

  test('a refusal may be of a first attempt that was done, and a delete may not know what it found', () => {
    const added = op('add', 90, 200, { value: 'a', outcome: 'fail' });
    const read = op('get', 210, 220, { read: 'a' });
    const deleted = op('delete', 95, 300, { answer: false });
    expect(checkLinearizable('g0', [added, read, deleted]).violations).toHaveLength(1);
    expect(checkLinearizable('g0', afterLosses([added, read, deleted], [100], [])).violations).toEqual([]);
  });

  test('nobody says that what was under way took effect once', () => {
    const spanning = op('set', 90, 200, { value: 'a' });
    const read = op('get', 210, 220, { read: 'a' });
    const other = op('set', 230, 240, { value: 'b' });
    expect(withoutSpanning([spanning, read, other], [100])).toEqual([other]);
  });
});

test('what was under way when all processes went may undo what came between its two effects', () => {
  const spanning = op('set', 90, 400, { value: 'a', version: '3' });
  const read = op('get', 210, 220, { read: 'a' });
  const other = op('set', 230, 240, { value: 'b', version: '2' });
  const history = [spanning, read, other];
  const final = { value: 'a', version: '3', at: 9000 };
  expect(checkFinalValue('p0', history, final, 0)).toHaveLength(1);
  expect(checkFinalValue('p0', withoutReadsOfSpanning(history, [100]), final, 0)).toEqual([]);
  expect(checkFinalValue('p0', withoutReadsOfSpanning(history, [80]), final, 0)).toHaveLength(1);
});

describe('when the last interval is lost', () => {
  const old = op('set', 0, 10, { value: 'a', version: '1' });
  const safe = op('set', 20, 3000, { value: 'b', version: '2' });
  const recent = op('set', 3500, 3510, { value: 'c', version: '3' });
  const final = (value: string) => ({ value, version: '9', at: 9000 });

  test('what was acknowledged in it may have happened, what was acknowledged before has', () => {
    const history = afterLosses([old, safe, recent], [4600], [4600]);
    expect(checkFinalValue('p0', history, final('b'), 0)).toHaveLength(1);
    const later = afterLosses([old, safe, recent], [4400], [4400]);
    expect(checkFinalValue('p0', later, final('c'), 0)).toEqual([]);
    expect(checkFinalValue('p0', later, final('b'), 0)).toEqual([]);
    expect(checkFinalValue('p0', later, final('a'), 0)).toHaveLength(1);
  });

  test('time goes back once', () => {
    expect(partsOf([old, safe, recent], [3200])).toEqual([[old, safe], [recent]]);
  });
});
