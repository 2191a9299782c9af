/**
 * Turns what an Nx run printed and recorded into counts of passed, failed and skipped checks.
 *
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ taskId: string, target: string, projectName: string, status: number }} Task one entry of Nx's `run.json`
 * @typedef {Counts & { problems: string[] }} Report
 */

const JEST_WORDS = { passed: 'passed', failed: 'failed', skipped: 'skipped', todo: 'skipped' };

/** @param {string} text */
export function stripColours(text) {
  // eslint-disable-next-line no-control-regex -- an escape sequence starts with a control character
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '');
}

/**
 * The counts of every Jest run in `output`, by project. Nx prefixes each line with `<project>: ` when it streams, and
 * replays cached output in the same form; lines without a prefix are counted under ''.
 *
 * @param {string} output
 * @returns {Map<string, Counts>}
 */
export function jestCounts(output) {
  const byProject = new Map();
  for (const line of stripColours(output).split(/\r?\n/)) {
    const match = /^(?:(\S+): )?Tests:\s+(.*\b\d+ total)\s*$/.exec(line);
    if (match === null) continue;
    const project = match[1] ?? '';
    const counts = byProject.get(project) ?? { passed: 0, failed: 0, skipped: 0 };
    for (const [, number, word] of match[2].matchAll(/(\d+) (\w+)/g)) {
      const kind = JEST_WORDS[word];
      if (kind !== undefined) counts[kind] += Number(number);
    }
    byProject.set(project, counts);
  }
  return byProject;
}

/**
 * One check per project and target: for lint, type checks, builds and package checks.
 *
 * @param {{ targets: string[], tasks: Task[], exitCode: number }} run
 * @returns {Report}
 */
export function reportTargets({ targets, tasks, exitCode }) {
  const own = tasks.filter((task) => targets.includes(task.target));
  const failed = tasks.filter((task) => task.status !== 0);
  return withExitCode(exitCode, {
    passed: own.filter((task) => task.status === 0).length,
    failed: failed.length,
    skipped: 0,
    problems: failed.map((task) => `${task.taskId} failed`),
  });
}

/**
 * The tests that Jest counted; a task that failed without a failed test (a suite that does not compile, a crash, a
 * build that a test needs) counts as one failure.
 *
 * @param {{ target: string, tasks: Task[], exitCode: number, output: string }} run
 * @returns {Report}
 */
export function reportTests({ target, tasks, exitCode, output }) {
  const byProject = jestCounts(output);
  const report = { passed: 0, failed: 0, skipped: 0, problems: [] };
  for (const counts of byProject.values()) {
    report.passed += counts.passed;
    report.failed += counts.failed;
    report.skipped += counts.skipped;
  }
  for (const task of tasks) {
    if (task.status === 0) {
      if (task.target !== target || byProject.has(task.projectName) || byProject.has('')) continue;
      report.failed += 1;
      report.problems.push(`${task.taskId} ran no test`);
      continue;
    }
    const counted = task.target === target ? (byProject.get(task.projectName) ?? byProject.get('')) : undefined;
    if (counted === undefined || counted.failed === 0) report.failed += 1;
    report.problems.push(`${task.taskId} failed`);
  }
  return withExitCode(exitCode, report);
}

/** A run that failed with nothing recorded as failed (Nx itself stopped, a signal) is one failure. */
function withExitCode(exitCode, report) {
  if (exitCode !== 0 && report.failed === 0) {
    report.failed = 1;
    report.problems.push(`nx ended with exit code ${exitCode}`);
  }
  return report;
}

/**
 * @param {Counts[]} reports
 * @param {{ ci: boolean }} options with `ci`, a skipped check counts as a failed one
 * @returns {Counts}
 */
export function total(reports, { ci }) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const report of reports) {
    sum.passed += report.passed;
    sum.failed += report.failed + (ci ? report.skipped : 0);
    sum.skipped += ci ? 0 : report.skipped;
  }
  return sum;
}

/** @param {Counts} counts */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
