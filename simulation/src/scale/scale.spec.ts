import { MAX_MOVED_OVER_IDEAL, measureScale } from './scale.js';

test.each([3, 100])('%d nodes: one change moves little more than it must, and no node is overloaded', (nodes) => {
  let time = 0;
  const { buildMs, balance, join, leave } = measureScale(nodes, 2, () => (time += 5));
  expect(buildMs).toBe(5);
  expect(balance).toBeLessThan(1.06);
  expect(join.moved / join.ideal).toBeLessThan(MAX_MOVED_OVER_IDEAL);
  expect(leave.moved / leave.ideal).toBeLessThan(MAX_MOVED_OVER_IDEAL);
  expect(leave.moved).toBeGreaterThanOrEqual(leave.ideal * 0.99);
});
