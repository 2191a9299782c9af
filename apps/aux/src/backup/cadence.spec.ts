import fc from 'fast-check';
import { Cadence } from './cadence.js';

const INTERVAL_MS = 300_000;

test('backups that take up to 0.4 of the interval are done an interval after the one before has begun', () => {
  fc.assert(
    fc.property(fc.nat({ max: 119_999 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (tookMs, random) => {
      const cadence = new Cadence(INTERVAL_MS, () => random);
      expect(tookMs + cadence.delayMs(tookMs) + tookMs).toBeLessThanOrEqual(0.91 * INTERVAL_MS);
      expect(cadence.isKept(tookMs)).toBe(true);
    }),
  );
});

test('however long backups take, there is a pause between them', () => {
  const cadence = new Cadence(INTERVAL_MS, () => 0.5);
  expect(cadence.isKept(0.5 * INTERVAL_MS)).toBe(false);
  expect(cadence.delayMs(0.5 * INTERVAL_MS)).toBe(0.1 * INTERVAL_MS);
});
