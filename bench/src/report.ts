import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

const RESULTS = new URL('../results/', import.meta.url);

/** What was measured, in general words: only the ratios carry over to other machines. */
export function hardware(): string {
  const [first] = cpus();
  return `${cpus().length} cores, ${first?.model.trim() ?? 'unknown processor'}, Node ${process.versions.node}`;
}

/** A table in Markdown, its columns aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, 3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Writes `results/<name>.md` and answers its path. */
export async function writeResult(name: string, text: string): Promise<string> {
  await mkdir(RESULTS, { recursive: true });
  const path = fileURLToPath(new URL(`${name}.md`, RESULTS));
  await writeFile(path, text);
  return path;
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '-';
}

/** 28.3k */
export function perSecond(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(0);
}

/** Nanoseconds as microseconds. */
export function microseconds(nanoseconds: number | undefined): string {
  return nanoseconds === undefined || !Number.isFinite(nanoseconds) ? '-' : (nanoseconds / 1000).toFixed(1);
}
