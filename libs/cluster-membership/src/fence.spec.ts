import { FakeTime } from '../test/fake-time.js';
import { Fence } from './fence.js';
import { freezeView, type View } from './member.js';
import type { ProbeOutcome } from './peer-access.js';
import { member } from './registry.conformance.js';

const LEASE_MS = 3000;

describe('a fence', () => {
  const answers = new Map<string, ProbeOutcome>();
  const newer: string[] = [];
  let time: FakeTime;
  let view: View;
  let fence: Fence;
  let probes: number;

  beforeEach(() => {
    time = new FakeTime();
    view = freezeView(5, [member('a'), member('b'), member('c')]);
    probes = 0;
    newer.length = 0;
    answers.clear();
    fence = new Fence({
      ...{ leaseMs: LEASE_MS, timers: time, selfId: 'a', view: () => view, monotonic: () => time.now },
      probe: async ({ id }): Promise<ProbeOutcome> => {
        probes++;
        return answers.get(id) ?? 'silent';
      },
      onNewer: ({ id }) => void newer.push(id),
    });
    fence.start();
  });
  afterEach(() => fence.close());

  const answer = (state: 'serving' | 'fenced' | 'accusing', epoch = 5): ProbeOutcome => ({ state, epoch });

  test('probes nobody while the registry answers', async () => {
    for (let i = 0; i < 20; i++) {
      await time.pass(1000);
      fence.reached(time.now);
    }
    expect([probes, fence.isFenced]).toEqual([0, false]);
  });

  test('closes before the lease is over when nobody answers', async () => {
    fence.reached(time.now);
    await time.pass(0.85 * LEASE_MS);
    expect(fence.isFenced).toBe(false);
    await time.pass(0.1 * LEASE_MS);
    expect(fence.isFenced).toBe(true);
    fence.reached(time.now);
    expect(fence.isFenced).toBe(false);
  });

  test('stays open while one of two others serves, and closes a third of a lease after its last answer', async () => {
    answers.set('b', answer('serving'));
    await time.pass(30_000);
    expect([fence.isFenced, fence.isCutOff]).toEqual([false, true]);
    answers.delete('b');
    await time.pass(LEASE_MS / 3 + LEASE_MS / 8);
    expect(fence.isFenced).toBe(true);
  });

  test('does not count one that accuses it, or is fenced itself', async () => {
    answers.set('b', answer('accusing')).set('c', answer('fenced'));
    await time.pass(10_000);
    expect(fence.isFenced).toBe(true);
  });

  test('opens when all others answer, fenced as they may be, and none accuses it', async () => {
    await time.pass(10_000);
    answers.set('b', answer('fenced')).set('c', answer('fenced'));
    await time.pass(1000);
    expect(fence.isFenced).toBe(false);
  });

  test('stays closed with a newer view that has it, until the registry says when it came in', async () => {
    await time.pass(10_000);
    view = freezeView(6, [member('a'), member('b'), member('c')]);
    answers.set('b', answer('serving', 6)).set('c', answer('serving', 6));
    await time.pass(10_000);
    expect(fence.isFenced).toBe(true);
    fence.reached(time.now);
    expect(fence.isFenced).toBe(false);
  });

  test('asks for the view of one that has a newer one, and does not count it before', async () => {
    answers.set('b', answer('serving', 6));
    await time.pass(10_000);
    expect(fence.isFenced).toBe(true);
    expect(newer).toContain('b');
    view = freezeView(6, [member('b'), member('c')]); // which has expelled it
    answers.set('c', answer('serving', 6));
    await time.pass(10_000);
    expect(fence.isFenced).toBe(true);
  });
});
