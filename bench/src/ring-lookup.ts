import { HashRing, hashString, slotOf, SlotTable } from '@dcs/consistent-hash';
import Hashring from 'hashring';
import { ratio, table } from './report.js';
import { median } from './statistics.js';

const NODE_COUNTS = [3, 10, 100];
const VIRTUAL_NODES = 160;
/** More than the 5000 lookups that hashring remembers. */
const KEYS = Array.from({ length: 20_000 }, (_, i) => `user:${String(i).padStart(15, '0')}`); // 20 characters
const PASSES = 20;
const PASSES_OF_HASHRING = 1;

/** HashRing and SlotTable against their own hash, a plain binary search and npm hashring, as Markdown. */
export function benchmarkLookups(rounds: number): string {
  const rows = NODE_COUNTS.map((count) => measure(count, rounds));
  const head = ['nodes', 'hash', 'HashRing', 'binary search', 'hashring 3.2', 'slotOf', 'SlotTable'];
  const ratios = rows.map(({ count, ns }) => [
    String(count),
    ratio(ns.ring / ns.hash),
    ratio(ns.binary / ns.ring),
    ratio(ns.hashring / ns.ring),
  ]);
  return [
    `CPU ns per lookup of a 20-character key, medians of ${rounds} rounds, taking turns:`,
    table(
      head,
      rows.map(({ count, ns }) => [
        String(count),
        ...[ns.hash, ns.ring, ns.binary, ns.hashring, ns.slot, ns.slots].map((figure) => figure.toFixed(0)),
      ]),
    ),
    table(
      [
        'nodes',
        'HashRing / its hash (reach <= 1.2)',
        'binary search / HashRing (reach >= 2)',
        'hashring / HashRing (reach >= 60)',
      ],
      ratios,
    ),
  ].join('\n\n');
}

interface Figures {
  hash: number;
  ring: number;
  binary: number;
  hashring: number;
  slot: number;
  slots: number;
}

function measure(count: number, rounds: number): { count: number; ns: Figures } {
  const ids = Array.from({ length: count }, (_, i) => `node-${i}`);
  const members = ids.map((id) => ({ id }));
  const ring = new HashRing(members, { virtualNodes: VIRTUAL_NODES });
  const binary = binarySearchRing(ids);
  const peer = new Hashring(ids); // 40 virtual nodes of 4 points each: 160 as well
  const slots = SlotTable.build(members);
  for (const key of KEYS) {
    if (ring.get(key) !== binary(key)) throw new Error(`the two rings disagree about ${key}`);
  }

  const subjects: Record<keyof Figures, () => number> = {
    hash: () => repeat(PASSES, () => KEYS.reduce((sum, key) => sum ^ hashString(key), 0)),
    ring: () => repeat(PASSES, () => KEYS.reduce((sum, key) => sum + Number(ring.get(key) !== undefined), 0)),
    binary: () => repeat(PASSES, () => KEYS.reduce((sum, key) => sum + Number(binary(key) !== undefined), 0)),
    hashring: () =>
      repeat(PASSES_OF_HASHRING, () => KEYS.reduce((sum, key) => sum + Number(peer.get(key) !== undefined), 0)),
    slot: () => repeat(PASSES, () => KEYS.reduce((sum, key) => sum + slotOf(key), 0)),
    slots: () => repeat(PASSES, () => KEYS.reduce((sum, key) => sum + Number(slots.owners(key) !== undefined), 0)),
  };
  const figures = new Map<string, number[]>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(subjects)) {
      const ns = run();
      if (round < 0) continue; // the first round warms up
      figures.set(name, [...(figures.get(name) ?? []), ns]);
    }
  }
  const of = (name: keyof Figures): number => median(figures.get(name) ?? []);
  return {
    count,
    ns: {
      hash: of('hash'),
      ring: of('ring'),
      binary: of('binary'),
      hashring: of('hashring'),
      slot: of('slot'),
      slots: of('slots'),
    },
  };
}

/** Keeps the results alive; thrown away at the end. */
let sink = 0;

/** CPU ns per key. */
function repeat(passes: number, pass: () => number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < passes; i++) sink ^= pass();
  const { user, system } = process.cpuUsage(before);
  if (Number.isNaN(sink)) throw new Error('a lookup gave no number');
  return ((user + system) * 1000) / (passes * KEYS.length);
}

/** The textbook ring: the same hash and points as HashRing, found by binary search. */
function binarySearchRing(ids: readonly string[]): (key: string) => string {
  const points = ids
    .flatMap((id) => Array.from({ length: VIRTUAL_NODES }, (_, i) => ({ at: hashString(`${id}\0${i}`), id })))
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const positions = Uint32Array.from(points, ({ at }) => at);
  const owners = points.map(({ id }) => id);
  return (key) => {
    const hash = hashString(key);
    let low = 0;
    let high = positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (positions[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return owners[low === owners.length ? 0 : low]!;
  };
}
