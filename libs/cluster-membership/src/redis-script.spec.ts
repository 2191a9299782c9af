import fc from 'fast-check';
import RedisMock from 'ioredis-mock';
import { MemoryRegistry } from './memory-registry.js';
import { EMPTY_VIEW, type MemberState, type View } from './member.js';
import { RedisRegistry } from './redis-registry.js';
import type { Accusation, Registry } from './registry.js';
import { member } from './registry.conformance.js';

jest.setTimeout(60_000);

const LEASE_MS = 3000;
const id = fc.constantFrom('a', 'b', 'c', 'd');
/** Which view the caller brings: none, one that was given out so far, or one that nobody knows. */
const last = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom('none', 'known', 'known', 'latest'), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('foreign'), at: fc.constantFrom(7, 2 ** 47, 2 ** 47 + 1) }) },
);
const step = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      op: fc.constant('heartbeat' as const),
      id,
      incarnation: fc.constantFrom(1, 1, 1, 2, 3, 1_795_397_488_891),
      state: fc.constantFrom<MemberState>('up', 'up', 'leaving'),
      last,
      accuses: fc.uniqueArray(
        fc.record({
          id,
          incarnation: fc.constantFrom(1, 1, 1, 2),
          kind: fc.constantFrom<Accusation['kind']>('silent', 'refused'),
        }),
        { selector: (accusation) => accusation.id, maxLength: 2 },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('remove' as const), id, incarnation: fc.constantFrom(1, 3), last }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('wipe' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('read' as const), last }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constant('time' as const), seconds: fc.constantFrom(1, 1, 1, 1, 2, 2, 3, 4, 9, -3) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Applied = Exclude<Step, { op: 'time' | 'wipe' }>;

async function apply(registry: Registry, each: Applied, last: View): Promise<{ view?: View; seen: unknown }> {
  try {
    if (each.op === 'remove') {
      const view = await registry.remove('c', each.id, each.incarnation, last);
      return { view, seen: view };
    }
    if (each.op === 'read') {
      const view = await registry.read('c', { last, leaseMs: LEASE_MS });
      return { view, seen: view };
    }
    const self = member(each.id, { incarnation: each.incarnation, state: each.state });
    const { accuses } = each;
    const result = await registry.heartbeat('c', { member: self, leaseMs: LEASE_MS, last, accuses });
    return { view: result.view, seen: { ...result, serverTimeMs: 0 } };
  } catch (error) {
    return { seen: String(error) };
  }
}

function lastOf({ last: { kind, at } }: Applied, views: readonly View[]): View {
  if (kind === 'foreign') return { epoch: at, members: [member('b', { weight: 7 }), member('x')] };
  if (kind === 'none' || views.length === 0) return EMPTY_VIEW;
  return kind === 'latest' ? views.at(-1)! : views[at % views.length]!;
}

test('the script decides as the ledger does, step by step', async () => {
  jest.useFakeTimers({
    now: 1_700_000_000_000,
    doNotFake: [
      'nextTick',
      'queueMicrotask',
      'setImmediate',
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
    ],
  });
  const client = new RedisMock({ host: 'script' });
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
        await client.flushall();
        const redis = new RedisRegistry({ client });
        let memory = new MemoryRegistry({ now: Date.now });
        const views: View[] = [];
        for (const each of steps) {
          if (each.op === 'time') jest.setSystemTime(Date.now() + each.seconds * 1000);
          else if (each.op === 'wipe') {
            jest.setSystemTime(Date.now() + 600_000); // a clock may be set back, but not to the begin of another history
            await client.flushall();
            memory = new MemoryRegistry({ now: Date.now });
          } else {
            const given = lastOf(each, views);
            const { view, seen } = await apply(redis, each, given);
            expect(seen).toEqual((await apply(memory, each, given)).seen);
            if (view) views.push(view);
          }
        }
        await redis.close();
        await memory.close();
      }),
      // A run on the mock takes most of a second: not shrunk, and as many as a busy machine does in 15 s.
      { numRuns: 20, endOnFailure: true, interruptAfterTimeLimit: 15_000 },
    );
  } finally {
    client.disconnect();
    jest.useRealTimers();
  }
});

test('goes on from the keys that the release before has written, and leaves them so that its script can, too', async () => {
  const client = new RedisMock({ host: 'legacy' });
  const key = (name: string): string => `dcs:{c}:${name}`;
  const [a, b] = [member('a'), member('b')];
  const now = Date.now();
  await client.hset(key('meta'), { epoch: '41', created: '7', last: '0', offset: '0', until: '9', floor: '0' });
  for (const each of [a, b]) {
    await client.hset(key('members'), each.id, JSON.stringify(each));
    await client.hset(key('leases'), each.id, '1:3000:0:0:0');
    await client.zadd(key('expiry'), now + 3000, each.id);
    await client.zadd(key('overdue'), now + 1500, each.id);
  }
  const registry = new RedisRegistry({ client });
  const { view, expelled, damped } = await registry.heartbeat('c', { member: a, leaseMs: LEASE_MS });
  expect(view.members).toEqual([a, b]);
  expect(view.epoch).toBeGreaterThanOrEqual(41);
  expect(view.epoch).toBeLessThan(2 ** 50); // as much as that release takes
  expect([expelled, damped]).toEqual([[], false]);
  expect(await client.hget(key('leases'), 'a')).toMatch(/^1:3000:0:0:0$/);
  expect(await client.hget(key('meta'), 'until')).toBe('0');
  await registry.close();
  client.disconnect();
});
