import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Subject } from './lru-subjects.js';
import type { Group } from './lru-workloads.js';

/*
 * `@dcs/lru-cache` against mnemonist's LRUMapWithDelete and lru-cache 11. Every subject runs in fresh processes, the
 * subjects take turns, and the table shows medians over the rounds. Only the ratios carry over to other machines.
 *
 *   --rounds N   rounds, default 5        --large   also more than 2^23 live entries (needs about 3 GB)
 *   --write      store the table in results/lru.md
 */
const SIDES: Partial<Record<Group, Subject[]>> = {
  strings: ['@dcs/lru-cache', 'mnemonist', 'lru-cache', '@dcs/lru-cache +', 'lru-cache +'],
  objects: ['@dcs/lru-cache', 'mnemonist', 'lru-cache'],
  integers: ['@dcs/lru-cache', 'mnemonist', 'lru-cache'],
  'handed in': ['@dcs/lru-cache'],
  memory: ['@dcs/lru-cache', 'mnemonist', 'lru-cache', '@dcs/lru-cache +', 'lru-cache +'],
  worst: ['@dcs/lru-cache', 'mnemonist', 'lru-cache', '@dcs/lru-cache, bytes only'],
};
const LARGE: Subject[] = ['@dcs/lru-cache', 'mnemonist', 'lru-cache'];
const CHILD_TIMEOUT_MS = 300_000;
const DEFAULT_ROUNDS = 5;

const TITLES: Record<Group, string> = {
  strings: 'Fresh strings, CPU ns per operation (100k entries)',
  objects: 'The same string objects, CPU ns per operation (100k entries)',
  integers: 'Integer keys, CPU ns per operation (100k entries)',
  'handed in': 'Fresh strings whose hash is handed in, CPU ns per operation (100k entries)',
  memory: 'Memory at 1M entries, keys and values aside, bytes',
  worst: 'Filling to 1M entries and going on',
  large: 'More than 2^23 live entries, CPU ns per operation',
};

const child = fileURLToPath(new URL('./lru-workloads.ts', import.meta.url));

function run(group: Group, subject: Subject): Record<string, number | string> {
  const flags = ['--expose-gc', '--max-old-space-size=4096', ...process.execArgv];
  const output = execFileSync(process.execPath, [...flags, child, group, subject], {
    encoding: 'utf8',
    timeout: CHILD_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output) as Record<string, number | string>;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Measurement -> subject -> one figure per round. */
type Figures = Map<string, Map<Subject, number[]>>;

function table(title: string, figures: Figures, sides: Subject[], failures: Map<Subject, string>): string {
  const [ours, ...others] = sides as [Subject, ...Subject[]];
  const plus = '@dcs/lru-cache +';
  const head = ['', ...sides, ...others.map((other) => (other === plus ? '' : `${other} / ours`)).filter(Boolean)];
  const rows = [...figures].map(([name, bySubject]) => {
    const of = (subject: Subject) => {
      const found = bySubject.get(subject);
      return found === undefined ? undefined : median(found);
    };
    const cells = sides.map((side) => {
      const figure = of(side);
      return figure === undefined ? (failures.get(side) ?? '-') : figure.toFixed(figure < 20 ? 2 : 0);
    });
    const ratios = others
      .filter((other) => other !== plus)
      .map((other) => {
        // Like with like: a peer that counts bytes and expiry stands against ours that does, too.
        const theirs = of(other);
        const mine = of(other === 'lru-cache +' ? plus : ours);
        return theirs === undefined || mine === undefined ? '-' : (theirs / mine).toFixed(2);
      });
    return [name, ...cells, ...ratios];
  });
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [`## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const args = process.argv.slice(2);
const at = args.indexOf('--rounds');
const rounds = at === -1 ? DEFAULT_ROUNDS : Number(args[at + 1]);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds must be an integer >= 1, got ${args[at + 1]}`);
const plan = Object.entries({ ...SIDES, ...(args.includes('--large') ? { large: LARGE } : {}) }) as [
  Group,
  Subject[],
][];

const sections: string[] = [];
for (const [group, sides] of plan) {
  const figures: Figures = new Map();
  const failures = new Map<Subject, string>();
  for (let round = 0; round < (group === 'large' ? 1 : rounds); round++) {
    for (const side of sides) {
      for (const [name, figure] of Object.entries(run(group, side))) {
        if (typeof figure === 'string') {
          failures.set(side, figure);
          continue;
        }
        const bySubject = figures.get(name) ?? new Map<Subject, number[]>();
        figures.set(name, bySubject.set(side, [...(bySubject.get(side) ?? []), figure]));
      }
    }
  }
  sections.push(table(TITLES[group], figures, sides, failures));
  console.log(`${sections.at(-1)}\n`);
}

if (args.includes('--write')) {
  const text = [
    '# LRU cache: measured ratios',
    '',
    `${availableParallelism()} cores, Node ${process.versions.node}, other work beside it; medians of ${rounds} interleaved rounds.`,
    'Above 1, `peer / ours` means that `@dcs/lru-cache` needs less. `+` counts bytes and has a time to live.',
    'Hits, updates and delete + add go over the entries at random. Made by `src/lru.ts --write`.',
    '',
    sections.join('\n\n'),
    '',
  ].join('\n');
  writeFileSync(fileURLToPath(new URL('../results/lru.md', import.meta.url)), text);
}
