import { SlotSet } from '@dcs/protocol';
import { KnownDifferences } from './known-differences.js';

const ALL = [1, 2, 3];
const HOUR_ROUNDS = 720;

describe('KnownDifferences', () => {
  const evictions = new Map<number, number>();
  const known = () => new KnownDifferences((slot) => evictions.get(slot) ?? 0);
  const slots = SlotSet.of(ALL);

  beforeEach(() => evictions.clear());

  it('leaves out slots that this node evicts from, but for one comparison in sixty with each peer', () => {
    const differences = known();
    evictions.set(2, 5);
    const due = (peer: string) => differences.due(peer, slots).toArray();
    for (let round = 1; round < 60; round++) expect(due('p')).toEqual([1, 3]);
    expect(due('q')).toEqual([1, 3]);
    expect(due('p')).toEqual(ALL);
    expect(due('p')).toEqual(ALL); // it has evicted nothing since
    evictions.set(2, 6);
    expect(due('p')).toEqual([1, 3]);
  });

  it('knows what an exchange has left until either side changes, the view does, or an hour is over', () => {
    const differences = known();
    differences.exchanged('p', 1, 'ours-theirs');
    expect(differences.isKnown('p', 1, 'ours-theirs')).toBe(true);
    expect(differences.isKnown('p', 1, 'ours-others')).toBe(false);
    expect(differences.isKnown('p', 2, 'ours-theirs')).toBe(false);
    expect(differences.isKnown('q', 1, 'ours-theirs')).toBe(false);
    for (let round = 1; round < HOUR_ROUNDS; round++) differences.due('p', slots);
    expect(differences.isKnown('p', 1, 'ours-theirs')).toBe(true);
    differences.due('p', slots);
    expect(differences.isKnown('p', 1, 'ours-theirs')).toBe(false);
    differences.exchanged('p', 1, 'ours-theirs');
    differences.clear();
    expect(differences.isKnown('p', 1, 'ours-theirs')).toBe(false);
  });
});
