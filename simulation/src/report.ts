import { PLAN_VERSION } from './kernel/streams.js';
import type { SeedResult } from './run-seed.js';
import type { JobResult } from './worker.js';

const SHOWN_VIOLATIONS = 5;

/** A run in words: one line, and what it violated. */
export function describeResult(result: SeedResult): string[] {
  const { seed, faults, disks, hash, operations, failed, violations, simulatedMs } = result;
  const seconds = (simulatedMs / 1000).toFixed(0);
  return [
    `seed ${PLAN_VERSION}:${seed} (${faults.join('+')}, ${disks === 'none' ? 'no disks' : `disks ${disks}`}) trace ${hash}: ${operations} operations in ${seconds} s, ${failed} without success`,
    ...violations.slice(0, SHOWN_VIOLATIONS).map(({ check, key, text }) => `  ${check} ${key}: ${text}`),
    ...(violations.length > SHOWN_VIOLATIONS ? [`  and ${violations.length - SHOWN_VIOLATIONS} more`] : []),
  ];
}

interface KindTotals {
  seeds: number;
  red: number;
  operations: number;
  unsuccessful: number;
}

/** Adds up the runs of a session. */
export class Summary {
  failed = 0;
  #passed = 0;
  #operations = 0;
  #simulatedMs = 0;
  #undecided = 0;
  readonly #kinds = new Map<string, KindTotals>();
  readonly #startedAt = performance.now();

  /** Runs so far. */
  get total(): number {
    return this.#passed + this.failed;
  }

  /** One line for those who wait. */
  get progress(): string {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    return `${this.total} seeds in ${Math.round(seconds)} s, ${this.failed} red`;
  }

  /** Lines to be shown of this run: none when all is well. */
  add(result: JobResult): string[] {
    const { kind, violations, operations, failed, undecided, simulatedMs, diverged } = result;
    const isRed = violations.length > 0 || diverged;
    this.#operations += operations;
    this.#simulatedMs += simulatedMs;
    this.#undecided += undecided;
    const totals = this.#kinds.get(kind) ?? { seeds: 0, red: 0, operations: 0, unsuccessful: 0 };
    totals.seeds++;
    totals.operations += operations;
    totals.unsuccessful += failed;
    if (isRed) totals.red++;
    this.#kinds.set(kind, totals);
    if (!isRed) {
      this.#passed++;
      return [];
    }
    this.failed++;
    const lines = describeResult(result);
    if (diverged) lines.push('  diverged: the same seed gave another trace when it ran again');
    lines.push(`  replay: npm run simulate -- ${replayOf(result)} --trace`);
    return lines;
  }

  lines(): string[] {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const { total } = this;
    const lines = [...this.#kinds]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([kind, { seeds, red, operations, unsuccessful }]) =>
          `${kind.padEnd(22)} ${String(seeds).padStart(6)} seeds ${String(red).padStart(4)} red ` +
          `${String(operations).padStart(9)} operations ${((100 * unsuccessful) / operations).toFixed(3)} % without success`,
      );
    return [
      ...lines,
      `${this.#operations} operations, ${Math.round(this.#simulatedMs / 1000)} simulated seconds, ` +
        `${(total / seconds).toFixed(1)} seeds/s, ${this.#undecided} keys undecided`,
      `Tests: ${this.failed > 0 ? `${this.failed} failed, ` : ''}${this.#passed} passed, ${total} total`,
    ];
  }
}

function replayOf({ seed, kind, faults }: JobResult): string {
  return kind.startsWith('links') ? `--case '${faults[0]}'` : `--seed ${PLAN_VERSION}:${seed}`;
}
