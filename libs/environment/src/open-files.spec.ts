import { connectionsWithin, openFileLimit } from './open-files.js';

const limits = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            ${soft.padEnd(20)} 1048576              files
Max locked memory         65536                65536                bytes
`;

test.each([
  ['1024', 1024],
  ['unlimited', undefined],
])('a limit of %s open files is %p', (soft, expected) => {
  const read: string[] = [];
  expect(openFileLimit((path) => (read.push(path), limits(soft)))).toBe(expected);
  expect(read).toEqual(['/proc/self/limits']);
});

test('where there is no /proc there is no limit to go by', () => {
  expect(openFileLimit(() => { throw new Error('ENOENT'); })).toBeUndefined(); // prettier-ignore
  expect(connectionsWithin(10_000, 96, undefined)).toBe(10_000);
});

test('the system that this runs on says it', () => {
  if (process.platform === 'linux') expect(openFileLimit()).toBeGreaterThan(20);
});

test.each([
  [10_000, 1_048_576, 10_000],
  [10_000, 1024, 928],
  [10_000, 112, 16],
  [200, 296, 200],
  [4, 100, 4],
])('%i connections with a limit of %i open files, 96 of them reserved, are %i', (configured, limit, expected) => {
  expect(connectionsWithin(configured, 96, limit)).toBe(expected);
});

test('a limit that leaves next to no connections is refused, with what is needed', () => {
  expect(() => connectionsWithin(10_000, 96, 111)).toThrow(
    'limit of open files: got 111, expected at least 112 (96 for its own files and links): raise it (ulimit -n)',
  );
  expect(() => connectionsWithin(4, 96, 99)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
});
