import { exponential, Rendezvous } from './rendezvous.js';
import { SLOT_COUNT } from './slot.js';

describe('exponential', () => {
  it.each([0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 123456789])('is -ln of hash %i', (hash) => {
    const exact = -Math.log1p((hash + 0.5) / 2 ** 32 - 1);
    expect(Math.abs(exponential(hash) / exact - 1)).toBeLessThan(1e-13);
  });
});

describe('Rendezvous', () => {
  const members = [
    { id: 'a', weight: 1 },
    { id: 'b', weight: 2 },
    { id: 'c', weight: 3 },
  ];

  it('finds the node of least cost, as comparing all costs does', () => {
    const rendezvous = new Rendezvous(members);
    for (let slot = 0; slot < SLOT_COUNT; slot += 7) {
      const costs = members.map((_, node) => rendezvous.cost(slot, node));
      expect(rendezvous.best(slot, () => true)).toBe(costs.indexOf(Math.min(...costs)));
      expect(rendezvous.best(slot, (node) => node === 1)).toBe(1);
      expect(rendezvous.best(slot, () => false)).toBe(-1);
    }
  });

  it('lets a node win in proportion to its weight', () => {
    const rendezvous = new Rendezvous(members);
    const wins = [0, 0, 0];
    for (let slot = 0; slot < SLOT_COUNT; slot++) wins[rendezvous.best(slot, () => true)]!++;
    members.forEach(({ weight }, node) => expect(wins[node]! / SLOT_COUNT / (weight / 6)).toBeCloseTo(1, 1));
  });

  it('spreads the costs of one node evenly over the slots', () => {
    const rendezvous = new Rendezvous([{ id: 'only', weight: 1 }]);
    const costs = Array.from({ length: SLOT_COUNT }, (_, slot) => rendezvous.cost(slot, 0)).sort((a, b) => a - b);
    // u is in the k-th of 16384 equal parts of (0, 1) for exactly one slot.
    costs.forEach((cost, k) => expect(Math.floor((1 - Math.exp(-cost)) * SLOT_COUNT)).toBe(k));
  });
});
