import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Member, SLOT_COUNT, SlotTable } from '@dcs/consistent-hash';

/** What a change of membership costs at a size. */
export interface ScaleRow {
  readonly nodes: number;
  readonly replicas: number;
  readonly buildMs: number;
  /** Slots on the fullest node over the mean, copies counted. */
  readonly balance: number;
  readonly join: Movement;
  readonly leave: Movement;
}

export interface Movement {
  /** Slot copies that a node must import because of the change. */
  readonly moved: number;
  /** The least that any placement must move. */
  readonly ideal: number;
}

const SIZES = [3, 10, 100, 1000];
const REPLICAS = 2;
const ROUNDS = 9;
/** Whole slots and few of them per node: at 1000 nodes one slot is 3 % of what a node must take. */
export const MAX_MOVED_OVER_IDEAL = 1.15;
/** A cluster's data for the column of bytes: so much on every node, copies included. */
const GIB_PER_NODE = 16;

/** Processor time of this process, ms: other work on the machine does not count. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export function measureScale(nodes: number, replicas: number, clock: () => number): ScaleRow {
  const members = membersOf(nodes);
  const times: number[] = [];
  let table = SlotTable.build(members, { replicas });
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = clock();
    table = SlotTable.build(members, { replicas });
    times.push(clock() - startedAt);
  }
  const counts = members.map(({ id }) => table.ownedSlots(id).length);
  const copies = SLOT_COUNT * Math.min(replicas, nodes);
  const larger = SlotTable.build(membersOf(nodes + 1), { replicas });
  const smaller = SlotTable.build(members.slice(0, -1), { replicas });
  return {
    nodes,
    replicas,
    buildMs: times.sort((a, b) => a - b)[ROUNDS >> 1]!,
    balance: Math.max(...counts) / (copies / nodes),
    join: { moved: movedCopies(table, larger), ideal: copies / (nodes + 1) },
    leave: { moved: movedCopies(table, smaller), ideal: table.ownedSlots(members.at(-1)!.id).length },
  };
}

/** Copies that have to be made: owners in `after` that were none in `before`. */
function movedCopies(before: SlotTable, after: SlotTable): number {
  let moved = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owners = before.ownersOf(slot);
    for (const id of after.ownersOf(slot)) if (!owners.includes(id)) moved++;
  }
  return moved;
}

function membersOf(count: number): Member[] {
  return Array.from({ length: count }, (_, i) => ({ id: `node-${String(i + 1).padStart(4, '0')}` }));
}

export function scaleTable(rows: readonly ScaleRow[]): string {
  const cells = rows.map(({ nodes, replicas, buildMs, balance, join, leave }) => {
    const share = (nodes * GIB_PER_NODE) / (SLOT_COUNT * replicas);
    const bytes = `${(join.moved * share).toFixed(2)} GiB`;
    return [String(nodes), `${buildMs.toFixed(1)} ms`, balance.toFixed(3), movement(join), movement(leave), bytes];
  });
  const widths = HEADER.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padStart(widths[i]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => `${'-'.repeat(width - 1)}:`).join(' | ')} |`;
  return [line(HEADER), rule, ...cells.map(line)].join('\n');
}

const HEADER = [
  'nodes',
  'table built in',
  'fullest / mean',
  'moved by a join / ideal',
  'moved by a leave / ideal',
  'bytes moved by a join',
];

function movement({ moved, ideal }: Movement): string {
  return `${moved} / ${ideal.toFixed(0)} = ${(moved / ideal).toFixed(3)}`;
}

/** Prints the table and writes it to `results.md`. */
export function simulateScale(): boolean {
  const rows = SIZES.map((nodes) => measureScale(nodes, REPLICAS, cpuTime));
  const table = scaleTable(rows);
  const text = `# Scale

One change of membership at sizes that no test machine holds: what the slot table costs and what it moves, with
${REPLICAS} copies of each of the ${SLOT_COUNT} slots. Slots are counted per copy; bytes are for ${GIB_PER_NODE} GiB on every node.
Written by \`npm run simulate -- --scale\`; times are processor time on the machine it ran on.

${table}
`;
  const file = fileURLToPath(new URL('../../results.md', import.meta.url));
  writeFileSync(file, text);
  console.log(table);
  return rows.every(
    ({ join, leave }) =>
      join.moved <= join.ideal * MAX_MOVED_OVER_IDEAL && leave.moved <= leave.ideal * MAX_MOVED_OVER_IDEAL,
  );
}
