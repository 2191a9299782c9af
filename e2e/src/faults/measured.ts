import { appendFileSync } from 'node:fs';

/** A row of docs/faults.md. */
export interface MeasuredRow {
  readonly fault: string;
  readonly measured: string;
}

/** Prints what a test has measured, and hands it to `npm run faults`, which makes the table. */
export function measured(fault: string, values: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(values)
    .map(([name, value]) => `${value} ${name}`)
    .join(', ');
  process.stdout.write(`measured: ${fault}: ${text}\n`);
  const file = process.env['FAULTS_RESULTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ fault, measured: text } satisfies MeasuredRow)}\n`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
