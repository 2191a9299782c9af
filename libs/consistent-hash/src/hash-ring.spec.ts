import * as fc from 'fast-check';
import { ConsistentHashError } from './errors.js';
import { HashRing } from './hash-ring.js';
import type { Member } from './member.js';

const nodes = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ id: `node-${i}` }));
const keys = Array.from({ length: 20_000 }, (_, i) => `user:${i}`);
const place = (ring: HashRing): (string | undefined)[] => keys.map((key) => ring.get(key));
const shareOf = (ring: HashRing, id: string): number =>
  place(ring).filter((owner) => owner === id).length / keys.length;
/** A hash that can be read: the number in front of the text, so tests set positions by hand. */
const position = (text: string): number => Number.parseInt(text, 10);

const arbitraryMembers = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 8 }),
    weight: fc.constantFrom(0, 0.25, 1, 1, 2),
    zone: fc.constantFrom(undefined, 'east', 'west'),
  }),
  { selector: ({ id }) => id, maxLength: 10 },
);

describe('HashRing', () => {
  it('gives a key to the first point at or after its hash, around the end to the first', () => {
    const ring = new HashRing([{ id: '100' }, { id: '200' }, { id: '4000000000' }], {
      virtualNodes: 1,
      hash: position,
    });
    expect(ring.get('99')).toBe('100');
    expect(ring.get('100')).toBe('100');
    expect(ring.get('101')).toBe('200');
    expect(ring.get('201')).toBe('4000000000');
    expect(ring.get('4000000001')).toBe('100');
    expect(ring.getMany('150', 3)).toEqual(['200', '4000000000', '100']);
  });

  it('agrees with a scan of all points, for any members', () => {
    fc.assert(
      fc.property(arbitraryMembers, fc.array(fc.string(), { maxLength: 20 }), (members, texts) => {
        const hash = (text: string): number => [...text].reduce((h, c) => Math.imul(h, 31) + c.charCodeAt(0), 7) >>> 0;
        const ring = new HashRing(members, { virtualNodes: 4, hash });
        const points = members
          .flatMap(({ id, weight }) =>
            Array.from({ length: weight === 0 ? 0 : Math.max(1, Math.round(4 * weight)) }, (_, i) => ({
              at: hash(`${id}\0${i}`),
              id,
            })),
          )
          .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
        for (const text of texts) {
          const owner = points.find(({ at }) => at >= hash(text)) ?? points[0];
          expect(ring.get(text)).toBe(owner?.id);
        }
      }),
    );
  });

  it('is the same for the same members, in any order and after any detour', () => {
    fc.assert(
      fc.property(arbitraryMembers, fc.string({ minLength: 1 }), (members, extra) => {
        const straight = new HashRing(members, { virtualNodes: 20 });
        const detour = new HashRing([...members].reverse(), { virtualNodes: 20 });
        if (!detour.has(extra)) {
          detour.add({ id: extra, weight: 2 });
          detour.get('x');
          detour.remove(extra);
        }
        expect(detour.members).toEqual(straight.members);
        for (const key of keys.slice(0, 100)) expect(detour.getMany(key, 3)).toEqual(straight.getMany(key, 3));
      }),
      { numRuns: 50 },
    );
  });

  it('moves keys only to a node that joins and only from a node that leaves', () => {
    const ring = new HashRing(nodes(10));
    const before = place(ring);
    ring.add({ id: 'new' });
    const joined = place(ring);
    const moved = keys.filter((_, i) => joined[i] !== before[i]);
    expect(joined.filter((owner, i) => owner !== before[i] && owner !== 'new')).toEqual([]);
    expect(moved.length / keys.length).toBeLessThan(1.2 / 11);
    ring.remove('new');
    expect(place(ring)).toEqual(before);
  });

  it('moves keys only to a node whose weight rises', () => {
    const ring = new HashRing(nodes(5));
    const before = place(ring);
    ring.add({ id: 'node-2', weight: 2 });
    const after = place(ring);
    expect(after.filter((owner, i) => owner !== before[i] && owner !== 'node-2')).toEqual([]);
    expect(shareOf(ring, 'node-2')).toBeGreaterThan(0.28);
    expect(shareOf(ring, 'node-2')).toBeLessThan(0.38);
    expect(ring.size).toBe(5);
  });

  it('spreads keys over ten nodes within 25 % of the mean', () => {
    const ring = new HashRing(nodes(10));
    for (const { id } of nodes(10)) {
      expect(shareOf(ring, id)).toBeGreaterThan(0.075);
      expect(shareOf(ring, id)).toBeLessThan(0.125);
    }
  });

  it('keeps a node and the number of its point apart: node1 + 1 is not node11', () => {
    const seen: string[] = [];
    const hash = (text: string): number => seen.push(text);
    new HashRing([{ id: 'node1' }, { id: 'node11' }, { id: 'node1\0' }, { id: 'node1\x001' }], {
      virtualNodes: 12,
      hash,
    });
    expect(seen).toHaveLength(48);
    expect(new Set(seen).size).toBe(48);
  });

  it('gives distinct nodes, the owner first, new zones before used ones', () => {
    fc.assert(
      fc.property(arbitraryMembers, fc.string(), fc.nat(12), (members, key, count) => {
        const ring = new HashRing(members, { virtualNodes: 8 });
        const holders = members.filter(({ weight }) => weight > 0);
        const many = ring.getMany(key, count);
        expect(many).toHaveLength(Math.min(count, holders.length));
        expect(new Set(many).size).toBe(many.length);
        if (count > 0) expect(many[0]).toBe(ring.get(key));
        const zoneOf = new Map(holders.map(({ id, zone }) => [id, zone ?? `own ${id}`]));
        const zones = new Set(zoneOf.values()).size;
        expect(new Set(many.map((id) => zoneOf.get(id))).size).toBe(Math.min(zones, many.length));
      }),
    );
  });

  it('breaks a tie between two points by id, whoever came first', () => {
    const hash = (text: string): number => (text.includes('\0') ? 5 : 1);
    expect(new HashRing([{ id: 'b' }, { id: 'a' }], { hash }).get('key')).toBe('a');
    expect(new HashRing([{ id: 'a' }, { id: 'b' }], { hash }).get('key')).toBe('a');
  });

  it('belongs to nobody when it is empty or nobody has weight', () => {
    const ring = new HashRing();
    expect(ring.get('key')).toBeUndefined();
    expect(ring.getMany('key', 2)).toEqual([]);
    ring.add({ id: 'drained', weight: 0 });
    expect(ring.get('key')).toBeUndefined();
    expect(ring.has('drained')).toBe(true);
    expect(ring.size).toBe(1);
  });

  it('does nothing when a member is added again as it is, or one that is not there is removed', () => {
    const ring = new HashRing([{ id: 'a' }, { id: 'b', weight: 0 }]);
    const { members } = ring;
    ring.add({ id: 'a', weight: 1 });
    expect(ring.remove('c')).toBe(false);
    expect(ring.members).toBe(members);
    expect(ring.members).toEqual([
      { id: 'a', weight: 1 },
      { id: 'b', weight: 0 },
    ]);
    expect(ring.remove('a')).toBe(true);
    expect(ring.remove('a')).toBe(false);
    expect(ring.get('key')).toBeUndefined();
  });

  it('takes a new zone for a member without moving a key', () => {
    const ring = new HashRing(nodes(4));
    const before = place(ring);
    ring.add({ id: 'node-1', zone: 'east' });
    expect(place(ring)).toEqual(before);
    expect(ring.members[1]).toEqual({ id: 'node-1', weight: 1, zone: 'east' });
  });

  it.each([-1, NaN, Infinity, 10_001])('refuses the weight %f and stays as it was', (weight) => {
    const ring = new HashRing([{ id: 'a' }]);
    const error = (() => {
      try {
        ring.add({ id: 'a', weight });
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(ConsistentHashError);
    expect(error).toMatchObject({ code: 'ERR_MEMBER_INVALID' });
    expect((error as Error).message).toContain(`weight of "a": got ${weight}`);
    expect(ring.members).toEqual([{ id: 'a', weight: 1 }]);
  });

  it('refuses an empty id and options out of range', () => {
    expect(() => new HashRing([{ id: '' }])).toThrow(expect.objectContaining({ code: 'ERR_MEMBER_INVALID' }));
    for (const virtualNodes of [0, -1, 1.5, NaN, 10_001]) {
      expect(() => new HashRing([], { virtualNodes })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }));
    }
    expect(() => new HashRing().getMany('key', -1)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT_INVALID' }));
  });
});
