/** Where a command writes. */
export interface Terminal {
  readonly out: NodeJS.WritableStream;
  readonly error: NodeJS.WritableStream;
  /** Somebody looks at `error` as it comes. */
  readonly isInteractive: boolean;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
}

const REDRAW_MS = 100;
const LINE_MS = 5000;

/** Tells on standard error how far a command is: in one line that is drawn again, or in lines now and then. */
export class Progress {
  readonly #terminal: Terminal;
  #shownAt: number;
  #width = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#shownAt = terminal.now();
  }

  /** @param share 0 to 1 */
  show(share: number, text: string): void {
    const { isInteractive, error, now } = this.#terminal;
    if (now() - this.#shownAt < (isInteractive ? REDRAW_MS : LINE_MS)) return;
    this.#shownAt = now();
    const percent = `${String(Math.floor(Math.min(1, share) * 100)).padStart(3)} %`;
    if (!isInteractive) return void error.write(`${percent} ${text}\n`);
    const bar = '#'.repeat(Math.round(Math.min(1, share) * 24)).padEnd(24, '.');
    const line = `${bar} ${percent} ${text}`;
    error.write(`\r${line.padEnd(this.#width)}`);
    this.#width = line.length;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#width > 0) this.#terminal.error.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}

/** Columns, the first row as their heads. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n'); // prettier-ignore
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(1)} ${units[unit]}`;
}

export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
