import type { CounterEvent, RegisterEvent } from './history.js';
import { checkCounter, checkRegister, checkSharedCounter } from './history-checks.js';

const wrote = (value: string): RegisterEvent => ({ kind: 'write', value, outcome: 'ok' });
const mayHaveWritten = (value: string): RegisterEvent => ({ kind: 'write', value, outcome: 'unknown' });
const deleted = (found = true): RegisterEvent => ({ kind: 'delete', outcome: 'ok', found });
const mayHaveDeleted: RegisterEvent = { kind: 'delete', outcome: 'unknown' };
const read = (value?: string): RegisterEvent => ({ kind: 'read', value });
const ended = (value?: string): RegisterEvent => ({ kind: 'read', value, final: true });

describe('a register', () => {
  test.each<[string, RegisterEvent[]]>([
    ['nothing was ever written', [read(), ended()]],
    ['what was written is read', [wrote('a'), read('a'), wrote('b'), read('b'), ended('b')]],
    ['a delete', [wrote('a'), deleted(), read(), ended()]],
    ['a delete of nothing', [deleted(false), wrote('a'), deleted(), deleted(false)]],
    ['an unknown write did not happen', [wrote('a'), mayHaveWritten('b'), read('a'), ended('a')]],
    ['an unknown write happened', [wrote('a'), mayHaveWritten('b'), read('b'), ended('b')]],
    ['an unknown write happened later', [wrote('a'), mayHaveWritten('b'), read('a'), read('b'), ended('b')]],
    ['one of two unknown writes happened', [wrote('a'), mayHaveWritten('b'), mayHaveWritten('c'), ended('b')]],
    ['an unknown delete happened', [wrote('a'), mayHaveDeleted, ended()]],
    ['an unknown delete did not happen', [wrote('a'), mayHaveDeleted, ended('a')]],
    ['an unknown delete, then one that finds nothing', [wrote('a'), mayHaveDeleted, deleted(false)]],
    ['an unknown write, then a delete that finds it', [mayHaveWritten('a'), deleted(true), ended()]],
  ])('right: %s', (_, events) => expect(checkRegister('k', events)).toEqual([]));

  test.each<[string, string, RegisterEvent[]]>([
    ['lost', 'an acknowledged write is not there', [wrote('a'), read()]],
    ['lost', 'the last acknowledged write is not there in the end', [wrote('a'), wrote('b'), ended('a')]],
    ['lost', 'a delete finds nothing where something was', [wrote('a'), deleted(false)]],
    ['lost', 'an unknown write that was read is gone', [mayHaveWritten('a'), read('a'), read()]],
    ['stale', 'a read gives what was overwritten', [wrote('a'), wrote('b'), read('a')]],
    ['stale', 'an unknown write that was read is undone', [wrote('a'), mayHaveWritten('b'), read('b'), read('a')]],
    ['stale', 'an unknown write appears after an acknowledged one', [mayHaveWritten('a'), wrote('b'), read('a')]],
    ['resurrected', 'what was deleted is back', [wrote('a'), deleted(), ended('a')]],
    ['resurrected', 'an unknown write appears after a delete', [mayHaveWritten('a'), deleted(), ended('a')]],
    ['resurrected', 'a delete finds what was deleted', [wrote('a'), deleted(), deleted(true)]],
    ['invented', 'nobody wrote that', [wrote('a'), read('x')]],
  ])('%s: %s', (kind, _, events) => {
    expect(checkRegister('k', events)).toEqual([expect.objectContaining({ key: 'k', kind })]);
  });

  const at = (time: number, event: RegisterEvent): RegisterEvent => ({ ...event, at: time }) as RegisterEvent;
  const rollback = (since: number): RegisterEvent => ({ kind: 'rollback', since });

  test.each<[string, RegisterEvent[]]>([
    ['the last write is undone', [at(1, wrote('a')), at(5, wrote('b')), rollback(4), ended('a')]],
    ['the last write is not undone', [at(1, wrote('a')), at(5, wrote('b')), rollback(4), ended('b')]],
    ['all but the first is undone', [at(1, wrote('a')), at(5, wrote('b')), at(6, wrote('c')), rollback(4), read('a')]],
    ['one of three is undone', [at(1, wrote('a')), at(5, wrote('b')), at(6, wrote('c')), rollback(4), read('b')]],
    ['a delete is undone', [at(1, wrote('a')), at(5, deleted()), rollback(4), ended('a')]],
    ['the first write is undone', [at(5, wrote('a')), rollback(4), at(6, deleted(false)), ended()]],
    ['what ended an unknown write is undone', [at(1, wrote('a')), mayHaveWritten('b'), at(5, wrote('c')), rollback(4), ended('b')]], // prettier-ignore
    ['a write after it stands', [at(1, wrote('a')), at(5, wrote('b')), rollback(4), at(6, wrote('c')), ended('c')]],
  ])('right after a rollback: %s', (_, events) => expect(checkRegister('k', events)).toEqual([]));

  test.each<[string, string, RegisterEvent[]]>([
    ['lost', 'a write before it is undone', [at(1, wrote('a')), at(3, wrote('b')), rollback(4), ended('a')]],
    ['lost', 'a write before it is gone', [at(1, wrote('a')), at(5, wrote('b')), rollback(4), ended()]],
    ['lost', 'a write after it is gone', [at(1, wrote('a')), at(5, wrote('b')), rollback(4), at(6, wrote('c')), ended('a')]], // prettier-ignore
    ['resurrected', 'a delete before it is undone', [at(1, wrote('a')), at(3, deleted()), rollback(4), ended('a')]],
    ['invented', 'nobody wrote that', [at(5, wrote('a')), rollback(4), ended('x')]],
  ])('%s after a rollback: %s', (kind, _, events) => {
    expect(checkRegister('k', events)).toEqual([expect.objectContaining({ key: 'k', kind })]);
  });

  test('one wrong state is told once', () => {
    expect(checkRegister('k', [wrote('a'), wrote('b'), read('a'), read('a'), ended('a')])).toHaveLength(1);
  });
});

const counted = (value: number): CounterEvent => ({ kind: 'increment', outcome: 'ok', value });
const mayHaveCounted: CounterEvent = { kind: 'increment', outcome: 'unknown' };
const readCount = (value?: number): CounterEvent => ({ kind: 'read', value });
const endCount = (value?: number): CounterEvent => ({ kind: 'read', value, final: true });

describe('a counter of one client', () => {
  test.each<[string, CounterEvent[]]>([
    ['never touched', [readCount(), endCount()]],
    ['counts', [counted(1), counted(2), readCount(2), endCount(2)]],
    ['an unknown increment happened', [counted(1), mayHaveCounted, counted(3), endCount(3)]],
    ['an unknown increment did not happen', [counted(1), mayHaveCounted, counted(2), endCount(2)]],
    ['an unknown increment happened after a read', [counted(1), mayHaveCounted, readCount(1), endCount(2)]],
  ])('right: %s', (_, events) => expect(checkCounter('k', events)).toEqual([]));

  test.each<[string, string, CounterEvent[]]>([
    ['lost', 'an increment without effect', [counted(1), counted(1)]],
    ['lost', 'less in the end', [counted(1), counted(2), endCount(1)]],
    ['lost', 'gone in the end', [counted(1), endCount()]],
    ['stale', 'a read gives an earlier count', [counted(1), counted(2), readCount(1)]],
    ['duplicated', 'an increment counted twice', [counted(1), counted(3)]],
    ['duplicated', 'an unknown increment counted twice', [counted(1), mayHaveCounted, endCount(3)]],
    ['duplicated', 'an unknown increment counted once, and again', [mayHaveCounted, counted(2), endCount(3)]],
  ])('%s: %s', (kind, _, events) => {
    expect(checkCounter('k', events)).toEqual([expect.objectContaining({ key: 'k', kind })]);
  });
  const at = (time: number, event: CounterEvent): CounterEvent => ({ ...event, at: time }) as CounterEvent;
  const rollback: CounterEvent = { kind: 'rollback', since: 4 };

  test.each<[string, CounterEvent[]]>([
    ['the last increment is undone', [at(1, counted(1)), at(5, counted(2)), rollback, endCount(1)]],
    ['it is undone, and counted again', [at(1, counted(1)), at(5, counted(2)), rollback, at(6, counted(2)), endCount(2)]], // prettier-ignore
    ['it stands', [at(1, counted(1)), at(5, counted(2)), rollback, endCount(2)]],
  ])('right after a rollback: %s', (_, events) => expect(checkCounter('k', events)).toEqual([]));

  test.each<[string, string, CounterEvent[]]>([
    ['lost', 'an increment before it is undone', [at(1, counted(1)), at(3, counted(2)), rollback, endCount(1)]],
    ['duplicated', 'more than there were', [at(1, counted(1)), at(5, counted(2)), rollback, endCount(3)]],
  ])('%s after a rollback: %s', (kind, _, events) => {
    expect(checkCounter('k', events)).toEqual([expect.objectContaining({ key: 'k', kind })]);
  });
});

describe('a counter of many clients', () => {
  test.each([
    ['untouched', [], 0, undefined],
    ['all acknowledged', [2, 1, 3], 0, 3],
    ['an unknown one happened', [1, 3], 1, 3],
    ['an unknown one did not happen', [1, 2], 1, 2],
  ])('right: %s', (_, acknowledged, unknown, final) => {
    expect(checkSharedCounter('k', { acknowledged, unknown, final })).toEqual([]);
  });

  test.each([
    ['lost', 'two had the same answer', [1, 2, 2], 1, 3],
    ['lost', 'less than acknowledged', [1, 2, 3], 0, 2],
    ['lost', 'less than the last answer', [1, 3], 1, 2],
    ['duplicated', 'more than all together', [1, 2], 1, 4],
  ])('%s: %s', (kind, _, acknowledged, unknown, final) => {
    expect(checkSharedCounter('k', { acknowledged, unknown, final })).toEqual([expect.objectContaining({ kind })]);
  });
  test('after a rollback as many may be missing as may be undone, and no more', () => {
    const history = { acknowledged: [1, 2, 3, 2, 3], unknown: 0, final: 3 };
    expect(checkSharedCounter('k', { ...history, mayBeUndone: 2 })).toEqual([]);
    expect(checkSharedCounter('k', { ...history, mayBeUndone: 1 })).not.toEqual([]);
  });
});
