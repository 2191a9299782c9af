import * as fc from 'fast-check';
import { ConsistentHashError } from './errors.js';
import type { Member } from './member.js';
import { SLOT_COUNT, slotOf } from './slot.js';
import { PLACEMENT_VERSION, SlotTable } from './slot-table.js';

const nodes = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ id: `node-${i}` }));
const without = (members: Member[], id: string): Member[] => members.filter((member) => member.id !== id);
const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
const ownersOf = (table: SlotTable): (readonly string[])[] => slots.map((slot) => table.ownersOf(slot));
const primariesMoved = (a: SlotTable, b: SlotTable): number =>
  slots.filter((slot) => a.primaryOf(slot) !== b.primaryOf(slot)).length;
const copiesMoved = (a: SlotTable, b: SlotTable): number =>
  slots.reduce((sum, slot) => sum + b.ownersOf(slot).filter((id) => !a.ownersOf(slot).includes(id)).length, 0);
const code = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ConsistentHashError);
    return (error as ConsistentHashError).code;
  }
};

const arbitraryMembers = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 8 }),
    weight: fc.constantFrom(0, 0.5, 1, 1, 2, 3),
    zone: fc.constantFrom(undefined, undefined, 'east', 'west', 'north'),
  }),
  { selector: ({ id }) => id, maxLength: 8 },
);

describe('SlotTable', () => {
  it('is the same for the same members in any order', () => {
    fc.assert(
      fc.property(
        arbitraryMembers.chain((members) =>
          fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
        ),
        fc.integer({ min: 1, max: 4 }),
        ([members, shuffled], replicas) => {
          const a = SlotTable.build(members, { replicas });
          const b = SlotTable.build(shuffled, { replicas });
          expect(ownersOf(b)).toEqual(ownersOf(a));
          expect(b.fingerprint()).toBe(a.fingerprint());
          expect(b.diff(a)).toEqual([]);
          expect(b.walk(7, 9)).toEqual(a.walk(7, 9));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('never changes within one PLACEMENT_VERSION, from release to release or from machine to machine', () => {
    expect(PLACEMENT_VERSION).toBe(1); // other fingerprints need another version
    expect(SlotTable.build(nodes(3)).fingerprint()).toBe('0637d78651bc377c');
    const mixed = nodes(40).map((member, i) => ({ ...member, weight: 1 + (i % 3) / 2, zone: `z${i % 4}` }));
    expect(SlotTable.build(mixed, { replicas: 3 }).fingerprint()).toBe('02a5db24703ac2f2');
  });

  it('gives every slot distinct owners of positive weight, in distinct zones while there are such', () => {
    fc.assert(
      fc.property(arbitraryMembers, fc.integer({ min: 1, max: 5 }), (members, replicas) => {
        const table = SlotTable.build(members, { replicas });
        const holders = members.filter(({ weight }) => weight > 0);
        const zoneOf = new Map(holders.map(({ id, zone }) => [id, zone ?? `own ${id}`]));
        const zones = new Set(zoneOf.values()).size;
        expect(table.members).toEqual(members.map(({ id }) => id).sort());
        expect(table.replicas).toBe(Math.min(replicas, holders.length));
        const shared = new Set(ownersOf(table)); // checked once per distinct list
        for (const owners of shared) {
          expect(owners).toHaveLength(table.replicas);
          expect(new Set(owners).size).toBe(owners.length);
          expect(owners.every((id) => zoneOf.has(id))).toBe(true);
          expect(new Set(owners.map((id) => zoneOf.get(id))).size).toBe(Math.min(zones, owners.length));
        }
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    [3, 1.02],
    [10, 1.02],
    [100, 1.06],
  ])('keeps primaries and all copies of %i nodes within %f of the mean', (count, bound) => {
    const table = SlotTable.build(nodes(count));
    for (const id of table.members) {
      const { primary, replica } = table.slotsOf(id);
      expect(primary / (SLOT_COUNT / count)).toBeLessThanOrEqual(bound);
      expect((primary + replica) / ((2 * SLOT_COUNT) / count)).toBeLessThanOrEqual(bound);
    }
  });

  it.each([1, 2, 3])('gives weighted nodes slots in proportion to weight with %i copies', (replicas) => {
    const members = nodes(10).map((member, i) => ({ ...member, weight: 1 + (i % 3) }));
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    const table = SlotTable.build(members, { replicas });
    for (const { id, weight } of members) {
      const share = (SLOT_COUNT * weight) / total;
      const { primary, replica } = table.slotsOf(id);
      expect(primary / share).toBeGreaterThan(0.93);
      expect(primary / share).toBeLessThanOrEqual(1.02);
      expect((primary + replica) / (replicas * share)).toBeGreaterThan(0.9);
      expect((primary + replica) / (replicas * share)).toBeLessThanOrEqual(1.02);
    }
  });

  it('shares a small zone out evenly, though its nodes hold more than others', () => {
    const members = nodes(10).map((member, i) => ({ ...member, zone: i < 2 ? 'small' : 'large' }));
    const table = SlotTable.build(members);
    const held = members.map(({ id }) => table.slotsOf(id).primary + table.slotsOf(id).replica);
    expect(held.slice(0, 2).reduce((a, b) => a + b)).toBe(SLOT_COUNT);
    for (const count of held.slice(0, 2)) expect(count / (SLOT_COUNT / 2)).toBeLessThan(1.02);
    for (const count of held.slice(2)) expect(count / (SLOT_COUNT / 8)).toBeLessThan(1.02);
  });

  it.each([3, 10])(
    'moves at most 1.1 of the ideal share when one of %i nodes leaves, and when it comes back',
    (count) => {
      const members = nodes(count);
      const whole = SlotTable.build(members);
      for (const { id } of members) {
        const less = SlotTable.build(without(members, id));
        // The same pair of tables is a leave one way and a join the other way.
        expect(primariesMoved(whole, less) / (SLOT_COUNT / count)).toBeLessThanOrEqual(1.1);
        expect(copiesMoved(whole, less) / ((2 * SLOT_COUNT) / count)).toBeLessThanOrEqual(1.1);
        expect(copiesMoved(less, whole) / ((2 * SLOT_COUNT) / count)).toBeLessThanOrEqual(1.1);
      }
    },
  );

  it('moves at most 1.15 of the ideal share on average when one of 100 nodes leaves', () => {
    const members = nodes(100);
    const whole = SlotTable.build(members);
    const leavers = members.filter((_, i) => i % 10 === 0);
    const moved = leavers.map(({ id }) => primariesMoved(whole, SlotTable.build(without(members, id))));
    expect(moved.reduce((a, b) => a + b) / leavers.length / (SLOT_COUNT / 100)).toBeLessThanOrEqual(1.15);
  });

  it('makes the first replica the primary of nearly every slot whose primary leaves', () => {
    const members = nodes(10);
    const whole = SlotTable.build(members);
    const less = SlotTable.build(without(members, 'node-4'));
    const orphans = whole.primarySlots('node-4');
    const inherited = orphans.filter((slot) => less.primaryOf(slot) === whole.ownersOf(slot)[1]);
    expect(inherited.length / orphans.length).toBeGreaterThan(0.98);
  });

  it('moves slots only to a node whose weight rises, apart from what the caps shift', () => {
    const before = SlotTable.build(nodes(4));
    const after = SlotTable.build([...nodes(3), { id: 'node-3', weight: 2 }]);
    const moved = after.diff(before).filter(({ before: a, after: b }) => a[0] !== b[0]);
    const elsewhere = moved.filter(({ after: b }) => b[0] !== 'node-3');
    expect(elsewhere.length / moved.length).toBeLessThan(0.05);
  });

  it('walks the owners first, then every other node once, new zones before used ones', () => {
    fc.assert(
      fc.property(arbitraryMembers, fc.nat(SLOT_COUNT - 1), (members, slot) => {
        const table = SlotTable.build(members);
        const holders = members.filter(({ weight }) => weight > 0);
        const walk = table.walk(slot, 100);
        expect(walk.slice(0, table.replicas)).toEqual(table.ownersOf(slot));
        expect([...walk].sort()).toEqual(holders.map(({ id }) => id).sort());
        for (let n = 0; n <= walk.length; n++) expect(table.walk(slot, n)).toEqual(walk.slice(0, n));
        const zone = new Map(holders.map(({ id, zone: z }) => [id, z ?? `own ${id}`]));
        const zones = walk.map((id) => zone.get(id));
        const distinct = new Set(zones).size;
        expect(new Set(zones.slice(0, distinct)).size).toBe(distinct);
      }),
      { numRuns: 20 },
    );
  });

  it('counts and lists what a node holds as the owner lists do', () => {
    const table = SlotTable.build(nodes(5), { replicas: 3 });
    for (const id of table.members) {
      const primary = slots.filter((slot) => table.ownersOf(slot)[0] === id);
      const owned = slots.filter((slot) => table.isOwner(id, slot));
      expect(table.primarySlots(id)).toEqual(primary);
      expect(table.ownedSlots(id)).toEqual(owned);
      expect(table.slotsOf(id)).toEqual({ primary: primary.length, replica: owned.length - primary.length });
    }
  });

  it('finds the owners of a key through its slot, without building a list', () => {
    const table = SlotTable.build(nodes(3));
    expect(table.owners('{user}.name')).toBe(table.ownersOf(slotOf('user')));
    expect(Object.isFrozen(table.owners('user'))).toBe(true);
  });

  it.each([
    [3, 2],
    [12, 3],
    [40, 10],
  ])('keeps one list for slots with the same owners: %i nodes, %i copies', (count, replicas) => {
    const table = SlotTable.build(nodes(count), { replicas });
    const lists = new Map<string, readonly string[]>();
    for (const slot of slots) {
      const owners = table.ownersOf(slot);
      const known = lists.get(owners.join()) ?? owners;
      if (known !== owners) throw new Error(`slot ${slot}: another list of the same owners`);
      lists.set(owners.join(), owners);
    }
    expect(new Set(lists.values()).size).toBe(lists.size);
  });

  it('lists exactly the slots whose owner list changed, with both lists', () => {
    const before = SlotTable.build(nodes(3));
    const after = SlotTable.build(nodes(4));
    const changed = slots.filter((slot) => before.ownersOf(slot).join() !== after.ownersOf(slot).join());
    const diff = after.diff(before);
    expect(diff.map(({ slot }) => slot)).toEqual(changed);
    for (const change of diff) {
      expect(change.before).toBe(before.ownersOf(change.slot));
      expect(change.after).toBe(after.ownersOf(change.slot));
    }
    expect(after.diff(SlotTable.build([]))).toHaveLength(SLOT_COUNT);
  });

  it('lists the changed slots whichever nodes came, went, or got more copies', () => {
    const all = nodes(5);
    const tables = [all, all.slice(1), all.slice(0, 3), [...all.slice(0, 2), ...all.slice(3)], []].flatMap((members) =>
      [1, 2, 3].map((replicas) => SlotTable.build(members, { replicas })),
    );
    for (const before of tables) {
      for (const after of tables) {
        const changed = slots.filter((slot) => before.ownersOf(slot).join() !== after.ownersOf(slot).join());
        expect(after.changedSlots(before)).toEqual(changed);
      }
    }
  });

  it('has a digest that tells tables apart and ignores what changes no owner', () => {
    const digest = SlotTable.build(nodes(3)).fingerprint();
    expect(SlotTable.build([...nodes(3), { id: 'drained', weight: 0 }]).fingerprint()).toBe(digest);
    expect(SlotTable.build(nodes(4)).fingerprint()).not.toBe(digest);
    expect(SlotTable.build(nodes(3), { replicas: 1 }).fingerprint()).not.toBe(digest);
    expect(SlotTable.build([...nodes(2), { id: 'node-x' }]).fingerprint()).not.toBe(digest);
    expect(digest).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each([[[]], [[{ id: 'drained', weight: 0 }]]])(
    'has no owners when no member has weight: %j',
    (members: Member[]) => {
      const table = SlotTable.build(members);
      expect(table.replicas).toBe(0);
      expect(table.primaryOf(0)).toBeUndefined();
      expect(table.owners('key')).toEqual([]);
      expect(table.walk(0, 3)).toEqual([]);
      expect(table.ownedSlots('drained')).toEqual([]);
      expect(table.slotsOf('drained')).toEqual({ primary: 0, replica: 0 });
    },
  );

  it('counts a member given twice once, and refuses one id with two weights or zones', () => {
    const twice = SlotTable.build([...nodes(3), ...nodes(3)]);
    expect(twice.members).toHaveLength(3);
    expect(twice.diff(SlotTable.build(nodes(3)))).toEqual([]);
    expect(SlotTable.build([{ id: 'a' }, { id: 'a', weight: 1, zone: '' }]).members).toEqual(['a']);
    expect(code(() => SlotTable.build([{ id: 'a' }, { id: 'a', weight: 2 }]))).toBe('ERR_MEMBER_CONFLICT');
    expect(code(() => SlotTable.build([{ id: 'a' }, { id: 'a', zone: 'z' }]))).toBe('ERR_MEMBER_CONFLICT');
  });

  it.each([-1, NaN, Infinity, 10_001])('refuses the weight %f', (weight) => {
    expect(code(() => SlotTable.build([{ id: 'a', weight }]))).toBe('ERR_MEMBER_INVALID');
  });

  it('refuses an empty id, a wrong count of copies and a slot that does not exist', () => {
    expect(code(() => SlotTable.build([{ id: '' }]))).toBe('ERR_MEMBER_INVALID');
    for (const replicas of [0, -1, 1.5, NaN]) {
      expect(code(() => SlotTable.build(nodes(1), { replicas }))).toBe('ERR_OPTION_INVALID');
    }
    const table = SlotTable.build(nodes(1));
    for (const slot of [-1, SLOT_COUNT, 0.5, NaN]) expect(code(() => table.ownersOf(slot))).toBe('ERR_SLOT_INVALID');
    expect(code(() => table.walk(0, -1))).toBe('ERR_ARGUMENT_INVALID');
  });

  it('places a thousand nodes, each with something to hold', () => {
    const table = SlotTable.build(nodes(1000));
    const counts = table.members.map((id) => table.slotsOf(id).primary);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(Math.max(...counts) / (SLOT_COUNT / 1000)).toBeLessThan(1.2);
  });
});
