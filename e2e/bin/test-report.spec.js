import { jestCounts, reportTargets, reportTests, stripColours, summaryLine, total } from './test-report.js';

const ok = (projectName, target) => ({ taskId: `${projectName}:${target}`, projectName, target, status: 0 });
const bad = (projectName, target) => ({ ...ok(projectName, target), status: 1 });

describe('jestCounts', () => {
  test('reads coloured, prefixed lines of several projects', () => {
    const output = [
      '@dcs/resp: \u001b[1mTest Suites: \u001b[22m\u001b[1m\u001b[31m1 failed\u001b[39m\u001b[22m, 5 total',
      '@dcs/resp: \u001b[1mTests:       \u001b[22m\u001b[1m\u001b[31m2 failed\u001b[39m\u001b[22m, 36 passed, 38 total',
      '@dcs/lru-cache: Tests:       1 skipped, 2 todo, 1200 passed, 1203 total',
    ].join('\n');
    expect(Object.fromEntries(jestCounts(output))).toEqual({
      '@dcs/resp': { passed: 36, failed: 2, skipped: 0 },
      '@dcs/lru-cache': { passed: 1200, failed: 0, skipped: 3 },
    });
  });

  test('adds up several runs of one project and reads lines without a prefix', () => {
    expect(Object.fromEntries(jestCounts('Tests:       3 passed, 3 total\r\nTests: 4 passed, 4 total'))).toEqual({
      '': { passed: 7, failed: 0, skipped: 0 },
    });
  });

  test('is not misled by other text', () => {
    expect(jestCounts('console.log Tests: 5 passed, 5 total here\n  Tests: are fun\nTests run').size).toBe(0);
  });

  test('an empty run has no test', () => {
    expect(jestCounts('@dcs/x: Tests:       0 total').get('@dcs/x')).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});

test('stripColours removes escape sequences and nothing else', () => {
  expect(stripColours('\u001b[1m\u001b[38;5;12mok\u001b[0m [1m]')).toBe('ok [1m]');
});

describe('reportTargets', () => {
  test('counts one check per project and target', () => {
    const tasks = [ok('a', 'lint'), ok('b', 'lint'), bad('b', 'build'), ok('a', 'prepare')];
    expect(reportTargets({ targets: ['lint', 'build'], tasks, exitCode: 1 })).toEqual({
      passed: 2,
      failed: 1,
      skipped: 0,
      problems: ['b:build failed'],
    });
  });

  test('a run that ended before any task is one failure', () => {
    expect(reportTargets({ targets: ['lint'], tasks: [], exitCode: 130 })).toMatchObject({
      failed: 1,
      problems: ['nx ended with exit code 130'],
    });
  });
});

describe('reportTests', () => {
  const run = (tasks, output, exitCode = tasks.some(({ status }) => status !== 0) ? 1 : 0) =>
    reportTests({ target: 'test', tasks, output, exitCode });

  test('sums what Jest counted', () => {
    const output = 'a: Tests: 2 skipped, 3 passed, 5 total\nb: Tests: 1 failed, 4 passed, 5 total';
    expect(run([ok('a', 'test'), bad('b', 'test')], output)).toEqual({
      passed: 7,
      failed: 1,
      skipped: 2,
      problems: ['b:test failed'],
    });
  });

  test('a suite that does not compile is a failure although all its tests passed', () => {
    expect(run([bad('a', 'test')], 'a: Tests: 36 passed, 36 total')).toMatchObject({ passed: 36, failed: 1 });
  });

  test('a task that crashed before it printed counts', () => {
    expect(run([bad('a', 'test')], '')).toMatchObject({ passed: 0, failed: 1 });
  });

  test('a failed build that the tests need is a failure', () => {
    expect(run([bad('lib', 'build')], '')).toMatchObject({ failed: 1, problems: ['lib:build failed'] });
  });

  test('a test task that ran no test is a failure', () => {
    expect(run([ok('a', 'test'), ok('lib', 'build')], '')).toMatchObject({
      failed: 1,
      problems: ['a:test ran no test'],
    });
  });

  test('a run with nothing to do is empty', () => {
    expect(run([], '')).toEqual({ passed: 0, failed: 0, skipped: 0, problems: [] });
  });
});

describe('the last line', () => {
  const reports = [
    { passed: 5, failed: 0, skipped: 1 },
    { passed: 2, failed: 1, skipped: 0 },
  ];

  test('names what was skipped', () => {
    expect(summaryLine(total(reports, { ci: false }))).toBe('7 passed, 1 failed, 1 skipped');
  });

  test('counts a skip as a failure in CI', () => {
    expect(summaryLine(total(reports, { ci: true }))).toBe('7 passed, 2 failed');
  });

  test('says nothing of skips when there are none', () => {
    expect(summaryLine({ passed: 1, failed: 0, skipped: 0 })).toBe('1 passed, 0 failed');
  });
});
