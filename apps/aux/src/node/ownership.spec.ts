import type { Member, MemberState, View } from '@dcs/cluster-membership';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { NONE, Ownership, PRIMARY, REPLICA } from './ownership.js';

function view(epoch: number, states: Readonly<Record<string, MemberState>>): View {
  const members = Object.entries(states).map(
    ([id, state], i): Member => ({
      ...{ id, state, incarnation: 1, host: '127.0.0.1', dataPort: 7001 + i },
      ...{ httpPort: 8001 + i, weight: 1, zone: '' },
    }),
  );
  return { epoch, members };
}

const count = (ownership: Ownership, role: number) =>
  Array.from({ length: SLOT_COUNT }, (_, slot) => ownership.roleOf(slot)).filter((found) => found === role).length;

test('before the first view nothing is owned', () => {
  const ownership = new Ownership('a', 2);
  expect(count(ownership, NONE)).toBe(SLOT_COUNT);
  expect(ownership.known).toBe(false);
});

test('a node alone is primary of every slot', () => {
  const ownership = new Ownership('a', 2);
  ownership.apply(view(1, { a: 'up' }));
  expect(count(ownership, PRIMARY)).toBe(SLOT_COUNT);
});

test('roles follow the table of the members that are up', () => {
  const ownership = new Ownership('a', 2);
  ownership.apply(view(1, { a: 'up', b: 'up', c: 'joining', d: 'leaving' }));
  expect(count(ownership, PRIMARY)).toBe(ownership.table.slotsOf('a').primary);
  expect(count(ownership, PRIMARY) + count(ownership, REPLICA)).toBe(SLOT_COUNT);
  expect(ownership.table.members).toEqual(['a', 'b']);
  const slot = ownership.table.primarySlots('b')[0]!;
  expect(ownership.primaryOf(slot)).toMatchObject({ id: 'b', dataPort: 7002 });
});

test('a node that leaves owns nothing, and the others are found', () => {
  const ownership = new Ownership('a', 2);
  ownership.apply(view(1, { a: 'up', b: 'up' }));
  ownership.apply(view(2, { a: 'leaving', b: 'up' }));
  expect(count(ownership, NONE)).toBe(SLOT_COUNT);
  expect(ownership.primaryOf(0)).toMatchObject({ id: 'b' });
});

test('an older view changes nothing', () => {
  const ownership = new Ownership('a', 2);
  ownership.apply(view(5, { a: 'up' }));
  ownership.apply(view(4, { b: 'up' }));
  expect(ownership.epoch).toBe(5);
  expect(count(ownership, PRIMARY)).toBe(SLOT_COUNT);
});
