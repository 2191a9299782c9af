import { hashString } from './string-hash.js';

/** Chi-squared of counts against a flat distribution, in standard deviations from its mean. */
const deviation = (counts: Uint32Array, total: number): number => {
  const mean = total / counts.length;
  const chi = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
  return (chi - (counts.length - 1)) / Math.sqrt(2 * (counts.length - 1));
};

describe('hashString', () => {
  const families: [string, (i: number) => string][] = [
    ['numbers', (i) => String(i)],
    ['prefixed numbers', (i) => `user:${i}`],
    ['padded numbers', (i) => String(i).padStart(20, '0')],
    ['numbers before a long tail', (i) => `${i}-abcdefghijklmnopqrstuvwxyz`],
    ['two characters of any code', (i) => String.fromCharCode(i & 0xff, i >>> 8)],
    ['runs of one character', (i) => 'a'.repeat(i % 256) + (i >>> 8)],
  ];

  it.each(families)('spreads %s evenly by its high and by its low bits', (_, keyOf) => {
    const total = 60_000;
    const high = new Uint32Array(1024);
    const low = new Uint32Array(1024);
    for (let i = 0; i < total; i++) {
      const hash = hashString(keyOf(i));
      high[hash >>> 22]!++;
      low[hash & 1023]!++;
    }
    expect(Math.abs(deviation(high, total))).toBeLessThan(5);
    expect(Math.abs(deviation(low, total))).toBeLessThan(5);
  });

  it('collides no more than chance does', () => {
    const total = 100_000; // expected pairs: total^2 / 2^33 = 1.2
    const distinct = new Set(
      Array.from({ length: total }, (_, i) => hashString(`node-${i % 1000}\0${Math.floor(i / 1000)}`)),
    );
    expect(total - distinct.size).toBeLessThan(10);
  });

  it('is an unsigned 32-bit number that never changes', () => {
    expect([hashString(''), hashString('a'), hashString('user:1'), hashString('ключ'), hashString('a', 1)]).toEqual([
      2287418620, 827688946, 993703502, 3022005781, 488101381,
    ]);
  });

  it('tells texts apart that differ in length only', () => {
    expect(hashString('\0')).not.toBe(hashString('\0\0'));
    expect(hashString('')).not.toBe(hashString('\0'));
  });
});
