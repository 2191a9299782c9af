import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../child-process.js';
import { SCENARIOS, testFile } from './alert-scenarios.js';
import { run } from './program.js';

const PROMETHEUS = join(ROOT, 'infra', 'prometheus');
const inFolder = (folder: string) => readdirSync(join(PROMETHEUS, folder)).map((name) => join(folder, name));
const text = (path: string) => readFileSync(join(PROMETHEUS, path), 'utf8');
const RULE_TESTS_TIMEOUT_MS = 120_000; // hours of samples
const promtool = (...args: string[]) => run('promtool', args, { cwd: PROMETHEUS, timeoutMs: RULE_TESTS_TIMEOUT_MS });
const named = (kind: string, path: string) =>
  [...text(path).matchAll(new RegExp(`- ${kind}: (\\S+)`, 'g'))].map((match) => match[1] ?? '');

test('the configuration and its rules are valid, and clean by the linter', async () => {
  await promtool('check', 'config', 'prometheus.yml');
  await promtool('check', 'rules', '--lint=all', '--lint-fatal', ...inFolder('rules'));
});

test(
  'the rules do what their tests say',
  async () => {
    await promtool('test', 'rules', ...inFolder('tests'));
  },
  RULE_TESTS_TIMEOUT_MS,
);

test(
  'of all alerts just the right ones fire when processes begin, end, restart, are idle, or are not there',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dcs-rules-'));
    try {
      const file = join(directory, 'scenarios.test.yml');
      writeFileSync(
        file,
        testFile(
          inFolder('rules').map((path) => join(PROMETHEUS, path)),
          named('record', 'rules/records.yml'),
        ),
      );
      await promtool('test', 'rules', file);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  RULE_TESTS_TIMEOUT_MS,
);

test('the processes of the scenarios have every series that a rule asks for', () => {
  const series = SCENARIOS[0]?.series.map((each) => each.series.replace(/\{.*/, '')) ?? [];
  const asked = new Set(
    inFolder('rules').flatMap((file) =>
      [...text(file).matchAll(/(?<![\w:])(?:dcs|process)_\w+/g)].map(([name]) => name),
    ),
  );
  expect(asked.size).toBeGreaterThan(20);
  expect([...asked].filter((name) => !series.includes(name))).toEqual([]);
});

test('every alert fires in a test, with what it says, and is quiet before', () => {
  const alerts = named('alert', 'rules/alerts.yml');
  expect(alerts.length).toBeGreaterThan(10);
  const tests = text('tests/alerts.test.yml');
  for (const alert of alerts) {
    expect([alert, tests.includes(`{ alertname: ${alert}, eval_time:`)]).toEqual([alert, true]);
    expect([alert, tests.includes(`- alertname: ${alert}\n`)]).toEqual([alert, true]);
  }
});

test('every recorded series is computed in a test', () => {
  const records = named('record', 'rules/records.yml');
  expect(records.length).toBeGreaterThan(10);
  const tests = text('tests/records.test.yml');
  for (const record of records) expect([record, tests.includes(record)]).toEqual([record, true]);
});

test('every alert says what is wrong, what to do, and whom to wake', () => {
  const rules = text('rules/alerts.yml').split('- alert: ').slice(1);
  for (const rule of rules) {
    expect(rule).toMatch(/severity: (page|ticket)/);
    expect(rule).toMatch(/summary: (?:'|>-\n\s+).{20,}/);
    expect(rule).toMatch(/action:\s+'.{20,}'/);
  }
});

test('the manual has a section for every alert', () => {
  const manual = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
  for (const alert of named('alert', 'rules/alerts.yml')) expect(manual).toContain(`\`${alert}\``);
});
