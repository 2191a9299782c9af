#!/usr/bin/env node
// `npm test`: runs every check that this machine can run and ends with the line `N passed, N failed`.
// With CI=true it first installs what is missing (Debian only), and counts a skipped test as a failed one.
// Arguments go to Nx: `npm test -- --projects=@dcs/resp,@dcs/master`.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDebianPackages, missingPrerequisites } from './prerequisites.js';
import { reportTargets, reportTests, summaryLine, total } from './test-report.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CACHE = join(ROOT, '.nx', 'cache'); // inside the checkout: a cache shared between clones can give a false hit
const RUN_RECORD = join(CACHE, 'run.json');
const CHECKS = ['lint', 'format', 'typecheck', 'build', 'check-package'];
const TESTS = ['test', 'integration', 'simulate-short', 'e2e'];

const ci = process.env.CI === 'true' || process.env.CI === '1';

function runNx(targets) {
  rmSync(RUN_RECORD, { force: true });
  const argv = ['run-many', '-t', ...targets, '--output-style=stream', '--parallel=2', ...process.argv.slice(2)];
  process.stdout.write(`\n==> nx ${argv.join(' ')}\n\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, 'node_modules', '.bin', 'nx'), argv, {
      cwd: ROOT,
      env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false', NX_CACHE_DIRECTORY: CACHE },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.on('data', (chunk) => {
        output.push(chunk);
        to.write(chunk);
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ exitCode: code ?? 1, output: Buffer.concat(output).toString(), tasks: recordedTasks() });
    });
  });
}

function recordedTasks() {
  try {
    return JSON.parse(readFileSync(RUN_RECORD, 'utf8')).tasks;
  } catch {
    return []; // Nx ended before it ran anything: its exit code tells
  }
}

function prepareMachine() {
  let missing = missingPrerequisites();
  let reason = 'CI=true installs it on Debian';
  if (missing.length > 0 && ci) {
    reason = installDebianPackages([...new Set(missing.flatMap(({ packages }) => packages))]) ?? reason;
    missing = missingPrerequisites();
  }
  return missing.map(
    ({ command, packages, usedBy }) => `${usedBy}: no ${command} (Debian: ${packages.join(' ')}); ${reason}`,
  );
}

const notes = prepareMachine();
const reports = [];
const checks = await runNx(CHECKS);
reports.push({ name: CHECKS.join(', '), ...reportTargets({ targets: CHECKS, ...checks }) });
for (const target of TESTS) reports.push({ name: target, ...reportTests({ target, ...(await runNx([target])) }) });

process.stdout.write('\n');
for (const { name, problems, ...counts } of reports) {
  process.stdout.write(`${name}: ${summaryLine(counts)}\n`);
  for (const problem of problems) process.stdout.write(`  - ${problem}\n`);
}
for (const note of notes) process.stdout.write(`not run: ${note}\n`);
if (ci && reports.some(({ skipped }) => skipped > 0)) {
  process.stdout.write('CI is set: what was skipped counts as failed\n');
}
const sum = total(reports, { ci });
process.stdout.write(`${summaryLine(sum)}\n`);
process.exitCode = sum.failed > 0 ? 1 : 0;
