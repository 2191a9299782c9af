import { FakeTime, settle } from '../../test/fake-routing.js';
import { ReadCoalescer } from './read-coalescer.js';

function setup() {
  const time = new FakeTime();
  const reads: { key: string; since: number; land: (value: string) => void; fail: (error: Error) => void }[] = [];
  let shared = 0;
  const coalescer = new ReadCoalescer<string>({
    read: (key, since) => new Promise((land, fail) => reads.push({ key, since, land, fail })),
    now: time.now,
    afterTurn: time.afterTurn,
    onShared: () => shared++,
  });
  return { time, reads, coalescer, shared: () => shared };
}

test('readers of one turn share one read; other keys have their own', async () => {
  const { coalescer, reads, shared } = setup();
  const all = [coalescer.read('a'), coalescer.read('a'), coalescer.read('a'), coalescer.read('b')];
  expect(reads.map(({ key }) => key)).toEqual(['a', 'b']);
  reads[0]!.land('1');
  reads[1]!.land('2');
  expect(await Promise.all(all)).toEqual(['1', '1', '1', '2']);
  expect(shared()).toBe(2);
  await settle();
  expect(coalescer.size).toBe(0);
});

test('who comes while a read is on its way shares the next one, which is sent when the first has landed', async () => {
  const { coalescer, reads, time, shared } = setup();
  const first = coalescer.read('a');
  time.endTurn();
  const second = coalescer.read('a');
  const third = coalescer.read('a');
  expect(reads).toHaveLength(1);
  expect(shared()).toBe(1);
  reads[0]!.land('before the write');
  expect(await first).toBe('before the write');
  await settle();
  expect(reads).toHaveLength(2);
  reads[1]!.land('after the write');
  expect(await Promise.all([second, third])).toEqual(['after the write', 'after the write']);
  await settle();
  expect(coalescer.size).toBe(0);
});

test('a read that began before a write was answered is not given to who comes after, not even in the same turn', async () => {
  const { coalescer, reads } = setup();
  const before = coalescer.read('a');
  coalescer.close('a');
  const after = coalescer.read('a');
  reads[0]!.land('old');
  expect(await before).toBe('old');
  await settle();
  reads[1]!.land('new');
  expect(await after).toBe('new');
});

test('a failed read fails its own readers only; those who waited read again, on their own time', async () => {
  const { coalescer, reads, time } = setup();
  const first = coalescer.read('a');
  const outcome = expect(first).rejects.toThrow('down');
  time.endTurn();
  await time.advance(70);
  const cameAt = time.now();
  const second = coalescer.read('a');
  await time.advance(500);
  reads[0]!.fail(new Error('down'));
  await outcome;
  await settle();
  expect(reads[1]!.since).toBe(cameAt);
  reads[1]!.land('v');
  expect(await second).toBe('v');
});

test('many waves of readers of one key: at most one read on its way, and nobody gets what is older than himself', async () => {
  const { coalescer, reads, time } = setup();
  let stored = 0;
  let landed = 0;
  const results: Promise<boolean>[] = [];
  for (let wave = 0; wave < 50; wave++) {
    for (let i = 0; i < 3; i++) {
      const at = stored;
      results.push(coalescer.read('hot').then((value) => Number(value) >= at));
    }
    time.endTurn();
    await settle();
    expect(reads.length - landed).toBeLessThanOrEqual(1);
    const seen = stored; // the node answers what it holds now; the answer is on its way while a write is acknowledged
    stored++;
    const acknowledged = stored;
    results.push(coalescer.read('hot').then((value) => Number(value) >= acknowledged));
    if (reads.length > landed) reads[landed++]!.land(String(seen));
    await settle();
  }
  while (reads.length > landed) {
    reads[landed++]!.land(String(stored));
    await settle();
  }
  expect((await Promise.all(results)).every(Boolean)).toBe(true);
});
