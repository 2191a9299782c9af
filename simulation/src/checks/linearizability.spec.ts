import { operationsOn } from '../../test/operations.js';
import type { OperationRecord } from '../workload/history.js';
import { checkLinearizable } from './linearizability.js';

const op = operationsOn('k');
const set = (from: number, to: number, value: string, answer: boolean, version = value) =>
  op('set', from, to, { value, answer, version });
const get = (from: number, to: number, read: string | null) =>
  op('get', from, to, { read, version: read ?? undefined });
const holds = (...history: OperationRecord[]): boolean => checkLinearizable('k', history).violations.length === 0;

test('operations one after the other are read in order', () => {
  expect(holds(set(0, 1, 'a', true), get(2, 3, 'a'), set(4, 5, 'b', false), get(6, 7, 'b'))).toBe(true);
});

test('a stale read has no place', () => {
  expect(holds(set(0, 1, 'a', true), set(2, 3, 'b', false), get(4, 5, 'a'))).toBe(false);
});

test('a read beside a write may see either', () => {
  expect(holds(set(0, 1, 'a', true), set(2, 9, 'b', false), get(3, 4, 'a'))).toBe(true);
  expect(holds(set(0, 1, 'a', true), set(2, 9, 'b', false), get(3, 4, 'b'))).toBe(true);
});

test('once a read saw a write, later reads do too', () => {
  expect(holds(set(0, 1, 'a', true), set(2, 9, 'b', false), get(3, 4, 'b'), get(5, 6, 'a'))).toBe(false);
});

test('a write of unknown outcome may come late, or never, but not before it began', () => {
  const late = op('set', 2, 2, { value: 'b', outcome: 'unknown', completedAt: Infinity });
  expect(holds(set(0, 1, 'a', true), late, get(5, 6, 'a'), get(7, 8, 'b'))).toBe(true);
  expect(holds(set(0, 1, 'a', true), late, get(5, 6, 'a'))).toBe(true);
  expect(holds(set(0, 1, 'a', true), get(1, 1.5, 'b'), late)).toBe(false);
});

test('the answers of writes count: whether the key was there', () => {
  expect(holds(set(0, 1, 'a', true), set(2, 3, 'b', true))).toBe(false);
  expect(holds(set(0, 1, 'a', true), op('delete', 2, 3, { answer: true }), get(4, 5, null))).toBe(true);
  expect(holds(set(0, 1, 'a', true), op('delete', 2, 3, { answer: false }))).toBe(false);
});

test('a compare-and-set needs the version it names, and its refusal another', () => {
  const cas = (expected: string, outcome: 'ok' | 'fail') =>
    op('cas', 4, 5, { value: 'c', expected, outcome, version: 'c' });
  const history = [set(0, 1, 'a', true), set(2, 3, 'b', false)];
  expect(holds(...history, cas('b', 'ok'), get(6, 7, 'c'))).toBe(true);
  expect(holds(...history, cas('a', 'ok'))).toBe(false);
  expect(holds(...history, cas('a', 'fail'), get(6, 7, 'b'))).toBe(true);
  expect(holds(...history, cas('b', 'fail'))).toBe(false);
});

test('an add needs an absent key', () => {
  const add = (outcome: 'ok' | 'fail') => op('add', 2, 3, { value: 'n', outcome, version: 'n' });
  expect(holds(add('ok'), get(4, 5, 'n'))).toBe(true);
  expect(holds(set(0, 1, 'a', true), add('ok'))).toBe(false);
  expect(holds(set(0, 1, 'a', true), add('fail'))).toBe(true);
});

test('increments count once each', () => {
  const increment = (from: number, to: number, read: string) => op('increment', from, to, { by: 1, read });
  expect(holds(increment(0, 5, '2'), increment(1, 4, '1'))).toBe(true);
  expect(holds(increment(0, 1, '1'), increment(2, 3, '1'))).toBe(false);
});
