import { Occasional } from './occasional.js';

test('lets each subject through at first, and then once in the interval', () => {
  let now = 0;
  const occasional = new Occasional<string>(1000, () => now);
  expect(['a', 'b', 'a'].map((subject) => occasional.isDue(subject))).toEqual([true, true, false]);
  now = 999;
  expect(occasional.isDue('a')).toBe(false);
  now = 1000;
  expect([occasional.isDue('a'), occasional.isDue('a')]).toEqual([true, false]);
});

test('keeps no more than a thousand subjects', () => {
  const occasional = new Occasional<number>(1000, () => 0);
  for (let i = 0; i <= 1001; i++) occasional.isDue(i);
  expect(occasional.isDue(0)).toBe(true);
});
