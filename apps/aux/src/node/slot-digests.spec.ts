import fc from 'fast-check';
import { makeVersion, SlotSet } from '@dcs/protocol';
import { SlotDigests } from './slot-digests.js';

const entry = fc.tuple(fc.string({ unit: 'binary-ascii' }), fc.nat(2 ** 41), fc.nat(65_535), fc.nat(2 ** 32 - 1));

describe('SlotDigests', () => {
  test('do not depend on order, and forget what went', () => {
    fc.assert(
      fc.property(fc.array(entry), fc.array(entry), (kept, removed) => {
        const [a, b] = [new SlotDigests(), new SlotDigests()];
        const toggle = (digests: SlotDigests, entries: typeof kept): void => {
          for (const [key, ms, counter, origin] of entries) digests.toggle(3, key, makeVersion(ms, counter, origin));
        };
        toggle(a, kept);
        toggle(b, removed);
        toggle(b, [...kept].reverse());
        toggle(b, [...removed].reverse());
        expect(b.of(3)).toBe(a.of(3));
        expect(a.of(3)).toHaveLength(8);
        expect(a.of(4)).toBe('\0'.repeat(8));
      }),
    );
  });

  test('of many slots are those of each, in their order', () => {
    const digests = new SlotDigests();
    for (const slot of [0, 5, 16_383]) digests.toggle(slot, `k${slot}`, makeVersion(slot + 1, 2, 3));
    const all = digests.ofAll(SlotSet.of([16_383, 5, 4, 0]));
    expect(all).toBe([0, 4, 5, 16_383].map((slot) => digests.of(slot)).join(''));
  });

  test('differ for different keys, and for every part of a version', () => {
    const digestOf = (key: string, ms: number, counter: number, origin: number): string => {
      const digests = new SlotDigests();
      digests.toggle(0, key, makeVersion(ms, counter, origin));
      return digests.of(0);
    };
    const all = [
      digestOf('k', 1, 1, 1),
      digestOf('l', 1, 1, 1),
      digestOf('k', 2, 1, 1),
      digestOf('k', 1 + 2 ** 33, 1, 1),
      digestOf('k', 1, 2, 1),
      digestOf('k', 1, 1, 2),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
