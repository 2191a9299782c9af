import type { Violation } from './violation.js';

/** What a node holds of a key; a tombstone has no value. */
export interface StoredEntry {
  readonly version: string;
  readonly value: string | undefined;
}

export interface NodeContents {
  readonly id: string;
  readonly entries: ReadonlyMap<string, StoredEntry>;
  digestOf(slot: number): string;
}

export interface Placement {
  slotOf(key: string): number;
  ownersOf(slot: number): readonly string[];
}

/** Every key is on all the owners of its slot, the same on each, and nowhere else; the digests of its slot agree. */
export function checkCopies(nodes: readonly NodeContents[], placement: Placement): Violation[] {
  const violations: Violation[] = [];
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const keys = new Set(nodes.flatMap(({ entries }) => [...entries.keys()]));
  for (const key of [...keys].sort()) {
    const slot = placement.slotOf(key);
    const owners = placement.ownersOf(slot);
    const versions = owners.map((id) => {
      const held = byId.get(id)?.entries.get(key);
      return held === undefined ? `${id}: nothing` : `${id}: ${held.value ?? 'tombstone'} @${held.version}`;
    });
    if (new Set(versions.map((text) => text.slice(text.indexOf(':')))).size > 1) {
      violations.push({ check: 'copies', key, text: `owners differ: ${versions.join(', ')}` });
    } else if (new Set(owners.map((id) => byId.get(id)?.digestOf(slot))).size > 1) {
      violations.push({ check: 'copies', key, text: `digests of slot ${slot} differ on ${owners.join(', ')}` });
    }
    const strays = nodes.filter(({ id, entries }) => entries.has(key) && !owners.includes(id));
    if (strays.length > 0) {
      const text = `owners are ${owners.join(', ')}, still held by ${strays.map(({ id }) => id).join(', ')}`;
      violations.push({ check: 'stray', key, text });
    }
  }
  return violations;
}
