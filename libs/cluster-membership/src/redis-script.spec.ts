import fc from 'fast-check';
import RedisMock from 'ioredis-mock';
import { MemoryRegistry } from './memory-registry.js';
import type { MemberState } from './member.js';
import { RedisRegistry } from './redis-registry.js';
import type { Accusation, Registry } from './registry.js';
import { member } from './registry.conformance.js';

jest.setTimeout(60_000);

const LEASE_MS = 3000;
const id = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      op: fc.constant('heartbeat' as const),
      id,
      incarnation: fc.constantFrom(1, 1, 1, 2, 3, 1_795_397_488_891),
      state: fc.constantFrom<MemberState>('up', 'up', 'leaving'),
      minEpoch: fc.oneof(
        { weight: 15, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.constantFrom(1, 2, 5, 30) },
      ),
      viewSize: fc.nat(4),
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
  { weight: 1, arbitrary: fc.record({ op: fc.constant('remove' as const), id, incarnation: fc.constantFrom(1, 3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('read' as const), minEpoch: fc.constantFrom(0, 0, 0, 0, 0, 0, 25) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constant('time' as const), seconds: fc.constantFrom(1, 1, 1, 1, 2, 2, 3, 4, 9, -3) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function apply(registry: Registry, each: Exclude<Step, { op: 'time' }>): Promise<unknown> {
  try {
    if (each.op === 'remove') return await registry.remove('c', each.id, each.incarnation, 0);
    if (each.op === 'read')
      return await registry.read('c', { minEpoch: each.minEpoch, viewSize: 2, leaseMs: LEASE_MS });
    const self = member(each.id, { incarnation: each.incarnation, state: each.state });
    const { minEpoch, viewSize, accuses } = each;
    const result = await registry.heartbeat('c', { member: self, leaseMs: LEASE_MS, minEpoch, viewSize, accuses });
    return { ...result, serverTimeMs: 0 };
  } catch (error) {
    return String(error);
  }
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
        const memory = new MemoryRegistry({ now: Date.now });
        for (const each of steps) {
          if (each.op === 'time') jest.setSystemTime(Date.now() + each.seconds * 1000);
          else expect(await apply(redis, each)).toEqual(await apply(memory, each));
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
