import { MemoryRegistry } from '@dcs/cluster-membership';
import { pino } from 'pino';
import { loadConfig } from './config/load-config.js';
import { Gateway } from './gateway.js';
import { systemTime } from './routing/system-ports.js';

test("stamps and expiries go by the registry's time, whatever becomes of the wall clock of the gateway", async () => {
  const clock = { wallMs: 1_700_000_000_000, monotonicMs: 5_000, offsetMs: 1_800_000_000_000 };
  const inner = new MemoryRegistry();
  let reading = { offsetMs: clock.offsetMs, errorMs: 1 };
  const registry = {
    heartbeat: inner.heartbeat.bind(inner),
    read: inner.read.bind(inner),
    remove: inner.remove.bind(inner),
    subscribe: inner.subscribe.bind(inner),
    close: () => inner.close(),
    get clockReading() {
      return reading;
    },
  };
  const gateway = new Gateway({
    config: loadConfig({ DCS_REGISTRY: 'memory:', DCS_HTTP_PORT: '0' }),
    log: pino({ level: 'silent' }),
    registry,
    time: { ...systemTime, wall: () => clock.wallMs, now: () => clock.monotonicMs },
  });
  await gateway.membership.start();
  const { wall } = gateway.time;
  expect(wall()).toBe(1_800_000_005_000);
  for (const stepMs of [60_000, -86_400_000]) {
    clock.wallMs += stepMs;
    clock.monotonicMs += 1_000;
    expect(wall()).toBe(1_800_000_000_000 + clock.monotonicMs);
  }
  reading = { offsetMs: clock.offsetMs + 30_000, errorMs: 1 }; // the machine slept
  expect(wall()).toBe(1_800_000_000_000 + clock.monotonicMs);
  await gateway.membership.refresh();
  expect(wall()).toBe(1_800_000_030_000 + clock.monotonicMs);
  await gateway.close();
});
