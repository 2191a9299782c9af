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
  const result = await runSeed({ seed: 3, fault: 'calm' });
  expect(result.violations).toEqual([]);
  expect(result.failed).toBe(0);
  expect(result.undecided).toBe(0);
  expect(result.acknowledged).toBeGreaterThan(100);
});

test('a crash is survived', async () => {
  expect((await runSeed({ seed: 5, fault: 'crash' })).violations).toEqual([]);
});

test('a deliberate defect shows', async () => {
  const { violations } = await runSeed({ seed: 1, fault: 'calm', ...mutant('eviction-is-delete') });
  expect(violations[0]).toMatchObject({ check: 'tombstone' });
});
