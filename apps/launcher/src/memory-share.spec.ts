import { memoryShare } from './memory-share.js';

test.each([
  [3, 16 * 2 ** 30, undefined],
  [3, 2 ** 30, String(Math.floor(2 ** 28 / 3))],
  [1, 2 ** 30, undefined],
  [0, 2 ** 30, undefined],
  [1000, 2 ** 30, String(2 ** 20)],
])('%d aux that share %d bytes get %s each', (aux, total, expected) => {
  expect(memoryShare(aux, total)).toBe(expected);
});
