import { type Member, SLOT_COUNT, SlotTable } from '@dcs/consistent-hash';
import { table } from './report.js';
import { median } from './statistics.js';

const NODE_COUNTS = [3, 10, 100, 1000];
const COPIES = 2;
/** Leaves tried per table; each is a join when it is read the other way. */
const LEAVERS = 20;
const LEAVERS_OF_LARGE = 4;
const LARGE = 1000;

const nodes = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ id: `node-${i}` }));

/** Time to build, balance and movement of SlotTable, as Markdown. Everything but the time is the same in every run. */
export function benchmarkTables(rounds: number): string {
  const head = [
    'nodes',
    'build, CPU ms',
    'primaries max/mean',
    'copies max/mean',
    'primaries moved / ideal',
    'copies moved / ideal',
    'heir is first replica',
  ];
  return [
    `SlotTable with ${COPIES} copies; build: median of ${rounds}; moved: mean (worst) over single leaves and joins`,
    '(reach: max/mean <= 1.02 at 3 and 10, <= 1.06 at 100; moved <= 1.1).',
    '',
    table(
      head,
      NODE_COUNTS.map((count) => row(count, rounds)),
    ),
  ].join('\n');
}

function row(count: number, rounds: number): string[] {
  const members = nodes(count);
  const whole = SlotTable.build(members);
  const times = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    SlotTable.build(members);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  const counts = whole.members.map((id) => whole.slotsOf(id));
  const primaries = Math.max(...counts.map(({ primary }) => primary)) / (SLOT_COUNT / count);
  const copies = Math.max(...counts.map(({ primary, replica }) => primary + replica)) / ((COPIES * SLOT_COUNT) / count);

  const leavers = Math.min(count, count >= LARGE ? LEAVERS_OF_LARGE : LEAVERS);
  const moves = Array.from({ length: leavers }, (_, i) => move(whole, members, Math.floor((i * count) / leavers)));
  const sum = (pick: (m: Move) => number): number => moves.reduce((total, m) => total + pick(m), 0);
  const spread = (pick: (m: Move) => number): string =>
    `${(sum(pick) / leavers).toFixed(3)} (${Math.max(...moves.map(pick)).toFixed(3)})`;
  return [
    String(count),
    median(times).toFixed(0),
    primaries.toFixed(4),
    copies.toFixed(4),
    spread((m) => m.primaries / (SLOT_COUNT / count)),
    spread((m) => m.copies / ((COPIES * SLOT_COUNT) / count)),
    `${((100 * sum((m) => m.inherited)) / sum((m) => m.orphans)).toFixed(1)} %`,
  ];
}

interface Move {
  /** Slots with another primary. */
  primaries: number;
  /** Copies on a node that had none of that slot. */
  copies: number;
  /** Slots that lost their primary, and those of them that went to their first replica. */
  orphans: number;
  inherited: number;
}

function move(whole: SlotTable, members: readonly Member[], leaver: number): Move {
  const less = SlotTable.build(members.filter((_, i) => i !== leaver));
  const moved: Move = { primaries: 0, copies: 0, orphans: 0, inherited: 0 };
  for (const { before, after } of less.diff(whole)) {
    if (before[0] !== after[0]) moved.primaries++;
    moved.copies += after.filter((id) => !before.includes(id)).length;
    if (before[0] !== members[leaver]!.id) continue;
    moved.orphans++;
    if (after[0] === before[1]) moved.inherited++;
  }
  return moved;
}
