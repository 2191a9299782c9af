#!/usr/bin/env node
// `npm run faults`: every row of docs/faults.md with its full length, about 25 minutes. Prints the rows as measured, and
// exits with 0 only when all of them hold. Arguments go to Jest: `npm run faults -- partition -t 'both ways'`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rowsOf, table } from './fault-table.js';

const E2E = fileURLToPath(new URL('..', import.meta.url));
const JEST = fileURLToPath(new URL('../../node_modules/.bin/jest', import.meta.url));

const directory = mkdtempSync(join(tmpdir(), 'dcs-faults-'));
const results = join(directory, 'results.jsonl');
const [pattern = 'src/faults', ...rest] = process.argv.slice(2);
const { status } = spawnSync(
  JEST,
  ['--runInBand', pattern.includes('/') ? pattern : `src/faults/${pattern}`, ...rest],
  {
    cwd: E2E,
    env: { FAULTS_LENGTH: 'full', ...process.env, FAULTS_RESULTS: results },
    stdio: 'inherit',
  },
);
try {
  const rows = rowsOf(readFileSync(results, 'utf8'));
  process.stdout.write(`\n${table(rows)}\n${availableParallelism()} cores, Node ${process.versions.node}\n`);
} catch {
  process.stdout.write('\nnothing was measured\n');
}
rmSync(directory, { recursive: true });
process.exitCode = status ?? 1;
