#!/usr/bin/env node
// `npm run faults`: every row of docs/faults.md with its full length, about 25 minutes. Builds the apps, prints the rows as
// measured, and exits with 0 only when all of them hold. Arguments go to Jest: `npm run faults -- partition -t 'both ways'`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rowsOf, table } from './fault-table.js';

const E2E = fileURLToPath(new URL('..', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'node_modules', '.bin');

const build = spawnSync(join(BIN, 'nx'), ['run-many', '-t', 'build', '-p', '@dcs/aux', '@dcs/master'], {
  cwd: ROOT,
  env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);

const directory = mkdtempSync(join(tmpdir(), 'dcs-faults-'));
const results = join(directory, 'results.jsonl');
const [pattern = 'src/faults', ...rest] = process.argv.slice(2);
const { status } = spawnSync(
  join(BIN, 'jest'),
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
