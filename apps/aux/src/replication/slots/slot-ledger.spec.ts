import fc from 'fast-check';
import { SlotSet } from '@dcs/protocol';
import { SlotLedger } from './slot-ledger.js';

describe('SlotLedger', () => {
  test('a slot is settled when all of its sources are done', () => {
    const ledger = new SlotLedger();
    expect(ledger.isInSync(7)).toBe(true);
    ledger.begin(7, ['a', 'b']);
    expect([ledger.isInSync(7), ledger.isUnreadable(7), ledger.unsynced]).toEqual([false, true, 1]);
    expect(ledger.finish(7, 'a')).toBe(false);
    expect(ledger.finish(7, 'x')).toBe(false);
    expect(ledger.finish(7, 'b')).toBe(true);
    expect([ledger.isInSync(7), ledger.isUnreadable(7), ledger.unsynced]).toEqual([true, false, 0]);
  });

  test('without sources it is settled at once', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, []);
    expect(ledger.isInSync(7)).toBe(true);
  });

  test('a source that was done is not asked again in the same import, so sources that name each other come to an end', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, ['a', 'b']);
    ledger.finish(7, 'a');
    ledger.addSource(7, 'a');
    expect(ledger.sourcesOf(7)).toEqual(['b']);
    ledger.begin(7, ['a']);
    expect(ledger.sourcesOf(7)).toEqual(['a']);
  });

  test('but it is when it must be, as one that has done more since', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, ['a', 'b']);
    ledger.finish(7, 'a');
    ledger.ask(7, 'a');
    expect(ledger.sourcesOf(7).sort()).toEqual(['a', 'b']);
  });

  test('a comparison with another owner unsettles a slot, but says nothing against what is here', () => {
    const ledger = new SlotLedger();
    ledger.addSource(7, 'a');
    expect([ledger.isInSync(7), ledger.isUnreadable(7), ledger.isComparing(7)]).toEqual([false, false, true]);
    ledger.finish(7, 'a');
    expect(ledger.isComparing(7)).toBe(false);
    ledger.addSource(7, 'a');
    expect(ledger.isInSync(7)).toBe(false);
  });

  test('while a slot is new here, or was given away half imported, it does not compare: it may hold what is old', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, ['a', 'b']);
    ledger.addSource(7, 'c');
    expect(ledger.isComparing(7)).toBe(false);
    ledger.abandon(7);
    ledger.addSource(7, 'c');
    expect(ledger.isComparing(7)).toBe(false);
  });

  test('sources that are gone are done', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, ['a', 'b']);
    ledger.begin(8, ['a']);
    ledger.retainSources((id) => id === 'b');
    expect(ledger.sourcesOf(7)).toEqual(['b']);
    expect(ledger.isInSync(8)).toBe(true);
  });

  test('a slot that is given away half imported names those who have the rest, and is not whole', () => {
    const ledger = new SlotLedger();
    expect(ledger.isComplete(7)).toBe(true);
    ledger.begin(7, ['a', 'b']);
    ledger.finish(7, 'a');
    ledger.abandon(7);
    expect([ledger.isInSync(7), ledger.isComplete(7), ledger.sourcesToName(7)]).toEqual([true, false, ['b']]);
    ledger.begin(7, ['c']);
    expect(ledger.sourcesToName(7)).toEqual(['c']);
    ledger.finish(7, 'c');
    expect([ledger.isComplete(7), ledger.sourcesToName(7)]).toEqual([true, []]);
  });

  test('nothing is said of a held slot, and it is imported when it is released', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, ['a']);
    ledger.block(7);
    ledger.block(7);
    expect([ledger.blocked, ledger.isInSync(7), ledger.isUnreadable(7), [...ledger.bySource()]]).toEqual([
      1,
      false,
      true,
      [],
    ]);
    expect(ledger.unsyncedSlots().toArray()).toEqual([7]);
    ledger.block(9);
    expect(ledger.unsyncedSlots().toArray()).toEqual([7, 9]);
    ledger.unblock(9, undefined);
    ledger.unblock(7, ['b']);
    expect([ledger.blocked, ledger.sourcesOf(7), ledger.isInSync(7)]).toEqual([0, ['b'], false]);
    ledger.finish(7, 'b');
    expect([ledger.isInSync(7), ledger.isComplete(7)]).toEqual([true, true]);
    ledger.block(8);
    ledger.unblock(8, undefined); // not this node's: what it has of it is of unknown worth
    expect([ledger.isInSync(8), ledger.isComplete(8)]).toEqual([true, false]);
  });

  test('a slot whose sources all died before one gave all of it is an orphan', () => {
    const ledger = new SlotLedger();
    ledger.begin(7, ['a', 'b']);
    ledger.begin(8, ['a', 'b']);
    ledger.finish(7, 'b', true);
    ledger.finish(8, 'b', false);
    ledger.addSource(9, 'a');
    expect(ledger.retainSources(() => false)).toEqual([8]);
  });

  test('counts and lists agree, whatever happens', () => {
    const id = fc.constantFrom('a', 'b', 'c');
    const slot = fc.nat(4);
    const step = fc.oneof(
      fc.tuple(fc.constant('begin'), slot, fc.uniqueArray(id)),
      fc.tuple(fc.constantFrom('addSource', 'ask', 'require', 'finish'), slot, id),
      fc.tuple(fc.constant('abandon'), slot),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const ledger = new SlotLedger();
        for (const [name, ...args] of steps) (ledger[name as 'finish'] as (...all: unknown[]) => unknown)(...args);
        const unsettled = [0, 1, 2, 3, 4].filter((each) => !ledger.isInSync(each));
        expect(ledger.unsynced).toBe(unsettled.length);
        const listed = new Set([...ledger.bySource()].flatMap(([, slots]) => [...slots]));
        expect([...listed].sort()).toEqual(unsettled);
        expect(ledger.unsyncedSlots().toArray()).toEqual(unsettled);
        for (const source of ['a', 'b', 'c']) {
          const its = unsettled.filter((each) => ledger.isSource(each, source));
          expect(unsettled.filter((each) => ledger.sourcesOf(each).includes(source))).toEqual(its);
          if (its.length > 0) expect(ledger.sourcesToNameOfAny(SlotSet.of(unsettled)).has(source)).toBe(true);
        }
        for (const each of unsettled) expect(ledger.sourcesOf(each).length).toBeGreaterThan(0);
      }),
    );
  });
});
