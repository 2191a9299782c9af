import fc from 'fast-check';
import { SlotSet } from './slot-set.js';

const slots = fc.uniqueArray(fc.nat(16_383));

describe('SlotSet', () => {
  test('holds what was added, in ascending order, and survives the wire', () => {
    fc.assert(
      fc.property(slots, (added) => {
        const sorted = [...added].sort((a, b) => a - b);
        const set = SlotSet.fromBinary(SlotSet.of(added).toBinary());
        expect([...set]).toEqual(sorted);
        expect(set.size).toBe(added.length);
        expect(set.isEmpty).toBe(added.length === 0);
        for (const slot of added) set.delete(slot);
        expect(set.isEmpty).toBe(true);
      }),
    );
  });

  test('whole sets are joined, subtracted and compared as their slots are', () => {
    fc.assert(
      fc.property(slots, slots, (some, others) => {
        const [a, b] = [SlotSet.of(some), SlotSet.of(others)];
        const rest = [...new Set(some)].filter((slot) => !others.includes(slot)).sort((x, y) => x - y);
        expect(a.without(b).toArray()).toEqual(rest);
        expect(a.intersects(b)).toBe(rest.length < some.length);
        const joined = SlotSet.of(some);
        joined.addAll(b);
        expect(joined.size).toBe(new Set([...some, ...others]).size);
        joined.deleteAll(b);
        expect([...joined]).toEqual(rest);
        expect([...a].length).toBe(some.length);
      }),
    );
  });

  test('refuses another length', () => {
    expect(() => SlotSet.fromBinary('x')).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_SLOT_SET' }));
  });
});
