import { type ClockReading, MemoryRegistry } from '@dcs/cluster-membership';
import { RawClient, startServer } from '../test/test-server.js';

/** A registry in memory that tells a time of its own. */
class TimedRegistry extends MemoryRegistry {
  clockReading: ClockReading = { offsetMs: Date.now() - performance.now(), errorMs: 1 };

  step(ms: number): void {
    this.clockReading = { offsetMs: this.clockReading.offsetMs + ms, errorMs: 1 };
  }
}

describe("the node's time", () => {
  const HOUR_MS = 3_600_000;

  test.each([HOUR_MS, -HOUR_MS])(
    'a wall clock that steps by %s ms expires nothing, and keeps nothing',
    async (step) => {
      const server = await startServer({}, new TimedRegistry());
      const client = new RawClient(server.data.port);
      await client.call('SET', 'k', 'v', 'EX', '600');
      const stamp = server.node.clock.next();
      const wall = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + step);
      try {
        expect(Number(await client.call('TTL', 'k'))).toBeGreaterThan(590);
        expect(server.node.clock.next().ms - stamp.ms).toBeLessThan(60_000);
      } finally {
        wall.mockRestore();
        client.close();
        await server.close();
      }
    },
  );

  test('where it stood still, the node takes the time of the registry, and answers nothing before it knows its place', async () => {
    const registry = new TimedRegistry();
    const server = await startServer({}, registry);
    const before = server.node.now();
    registry.step(30_000);
    expect(server.node.now()).toBeLessThan(before + 20_000);
    const told = new Promise<number>((resolve) => server.membership!.on('clock', resolve));
    await server.membership!.refresh();
    expect(Math.round(await told)).toBe(30_000);
    expect(server.node.now()).toBeGreaterThanOrEqual(before + 30_000);
    expect(server.node.waking).toBeInstanceOf(Promise);
    await server.node.waking;
    await server.close();
  });
});
