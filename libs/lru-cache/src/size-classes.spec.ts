import { SizeClasses } from './size-classes.js';

describe.each([4096, 8192, 65_536])('the size classes of a page of %i bytes', (pageBytes) => {
  const { sizes, perPage, largest, of } = { ...new SizeClasses(pageBytes), of: new SizeClasses(pageBytes) };

  it('are multiples of 8 up to a ninth of the page, at most 12.5 % apart from 64 bytes on', () => {
    expect(sizes.every((size) => size % 8 === 0)).toBe(true);
    expect(sizes.at(-1)).toBe(largest);
    expect(Math.floor(pageBytes / largest)).toBe(9);
    const apart = sizes.slice(1).map((size, i) => (sizes[i]! < 64 ? 0 : size / sizes[i]! - 1));
    expect(Math.max(...apart)).toBeLessThanOrEqual(0.125);
  });

  it('leave over less than an eighth of a chunk per chunk of a page', () => {
    sizes.forEach((size, i) => expect(pageBytes - size * perPage[i]!).toBeLessThan(8 * perPage[i]!));
  });

  it('give each record the smallest chunk that holds it', () => {
    for (let bytes = 1; bytes <= largest; bytes++) {
      const size = of.of(bytes);
      expect(sizes[size]! >= bytes && (size === 0 || sizes[size - 1]! < bytes)).toBe(true);
    }
  });
});
