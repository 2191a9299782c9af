import { defaultEntryBytes, memoryLimits, mostEntryBytes } from './memory-limits.js';

const MIB = 2 ** 20;

test('the limits of this process are those of its heap and of its container or machine', () => {
  const { heapBytes, totalBytes } = memoryLimits();
  expect(heapBytes).toBeGreaterThan(100 * MIB);
  expect(totalBytes).toBeGreaterThan(100 * MIB);
  expect(totalBytes).toBeLessThan(2 ** 50);
});

test.each([
  ['no limit that matters', 4096, 16_384, 256, 3072],
  ['the default container', 816, 1024, 256, 512],
  ['a small heap', 304, 16_384, 152, 228],
  ['a small container', 2096, 400, 100, 200],
])('%s: heap %d MiB and memory %d MiB are for %d MiB of entries, at most for %d', (_, heap, total, byDefault, most) => {
  const limits = { heapBytes: heap * MIB, totalBytes: total * MIB };
  expect([defaultEntryBytes(limits) / MIB, mostEntryBytes(limits) / MIB]).toEqual([byDefault, most]);
});
