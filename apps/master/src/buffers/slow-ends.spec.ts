import { Buffers } from './buffers.js';
import { SlowEnds } from './slow-ends.js';

const MIB = 2 ** 20;

function setup() {
  let now = 0;
  const cut: string[] = [];
  const ends = new SlowEnds({ graceMs: 1000, now: () => now });
  const end = (name: string) => ({ cut: () => void cut.push(name) });
  return { ends, end, cut, pass: (ms: number) => void (now += ms) };
}

test('the oldest is cut off, once it has had its time', () => {
  const { ends, end, cut, pass } = setup();
  const [first, second] = [end('first'), end('second')];
  ends.cutOldest();
  ends.begin(first);
  pass(500);
  ends.begin(second);
  ends.begin(first);
  ends.cutOldest();
  expect(cut).toEqual([]);
  pass(500);
  ends.cutOldest();
  expect(cut).toEqual(['first']);
  ends.done(first);
  ends.cutOldest();
  expect(cut).toEqual(['first']);
  pass(500);
  ends.cutOldest();
  expect(cut).toEqual(['first', 'second']);
});

test('an answer without room ends the slowest reader, and finds room afterwards', () => {
  let now = 0;
  const buffers = new Buffers({ heapLimitBytes: 64 * MIB, now: () => now });
  const slow = {
    cut: () => {
      buffers.answers.give(14 * MIB);
      buffers.readers.done(slow);
    },
  };
  expect(buffers.takeAnswer(14 * MIB)).toBe(true);
  buffers.readers.begin(slow);
  expect(buffers.takeAnswer(MIB)).toBe(false);
  now += 10_000;
  expect(buffers.takeAnswer(MIB)).toBe(false);
  expect(buffers.takeAnswer(MIB)).toBe(true);
});
