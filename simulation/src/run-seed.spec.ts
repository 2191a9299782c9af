import { mutant } from './mutants/mutants.js';
import { runSeed } from './run-seed.js';

jest.setTimeout(120_000);

test('a seed runs to the same trace every time', async () => {
  const first = await runSeed({ seed: 11 });
  const again = await runSeed({ seed: 11 });
  expect(again.hash).toBe(first.hash);
  expect(again.violations).toEqual(first.violations);
  expect((await runSeed({ seed: 12 })).hash).not.toBe(first.hash);
});

test('a calm run is green, and everything in it succeeds', async () => {
  const result = await runSeed({ seed: 3, faults: ['calm'] });
  expect(result.violations).toEqual([]);
  expect(result.failed).toBe(0);
  expect(result.undecided).toBe(0);
  expect(result.acknowledged).toBeGreaterThan(100);
});

test('a crash is survived', async () => {
  expect((await runSeed({ seed: 5, faults: ['crash'] })).violations).toEqual([]);
});

test('with disks, all nodes may be killed at once', async () => {
  const options = { seed: 6, faults: ['kill-all'], disks: 'always' } as const;
  const first = await runSeed(options);
  expect(first.violations).toEqual([]);
  expect(first.disks).toBe('always');
  expect((await runSeed(options)).hash).toBe(first.hash);
});

test('without disks what all of them had is lost', async () => {
  const { violations } = await runSeed({ seed: 6, faults: ['kill-all'], disks: 'none' });
  expect(violations.map(({ check }) => check)).toContain('lost');
});

test('a power cut takes what was acknowledged before it was on the disk', async () => {
  const options = { seed: 5, faults: ['power-cut'], disks: 'always' } as const;
  const { violations } = await runSeed({ ...mutant('disk-acknowledges-early'), ...options });
  expect(violations.map(({ check }) => check)).toContain('monotonic');
  expect((await runSeed(options)).violations).toEqual([]);
});

test('a deliberate defect shows', async () => {
  const { violations } = await runSeed({ seed: 1, faults: ['calm'], ...mutant('eviction-is-delete') });
  expect(violations[0]).toMatchObject({ check: 'tombstone' });
});
