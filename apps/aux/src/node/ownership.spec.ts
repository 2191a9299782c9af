import type { Member, MemberState, View } from '@dcs/cluster-membership';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { NONE, Ownership, PRIMARY, REPLICA } from './ownership.js';

function view(
  epoch: number,
  states: Readonly<Record<string, MemberState>>,
  replicas: Readonly<Record<string, number>> = {},
): View {
  const members = Object.entries(states).map(
    ([id, state], i): Member => ({
      ...{ id, state, incarnation: 1, host: '127.0.0.1', dataPort: 7001 + i },
      ...{ httpPort: 8001 + i, weight: 1, zone: '' },
      ...(replicas[id] && { settings: { replicas: replicas[id], placement: 1, protocol: { min: 1, max: 1 } } }),
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

test('the view says how many owners a slot has, whatever this node was configured with', () => {
  const ownership = new Ownership('a', 1);
  const up = { a: 'up', b: 'up', c: 'up' } as const;
  const owners = (): number => ownership.table.ownersOf(0).length;
  ownership.apply(view(1, up));
  expect(owners()).toBe(1);
  ownership.apply(view(2, up, { a: 2, b: 2, c: 2 }));
  expect(owners()).toBe(2);
  ownership.apply(view(3, up, { a: 2, b: 3, c: 2 }));
  expect(owners()).toBe(3);
  expect(count(ownership, PRIMARY) + count(ownership, REPLICA)).toBe(SLOT_COUNT);
  ownership.apply(view(4, { ...up, b: 'leaving' }, { a: 2, b: 3, c: 2 }));
  expect(owners()).toBe(2);
});

test('an older view changes nothing', () => {
  const ownership = new Ownership('a', 2);
  ownership.apply(view(5, { a: 'up' }));
  ownership.apply(view(4, { b: 'up' }));
  expect(ownership.epoch).toBe(5);
  expect(count(ownership, PRIMARY)).toBe(SLOT_COUNT);
});
