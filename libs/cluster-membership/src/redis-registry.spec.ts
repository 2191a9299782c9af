import RedisMock from 'ioredis-mock';
import { RedisRegistry } from './redis-registry.js';
import { describeRegistry } from './registry.conformance.js';

// The mock's TIME takes its seconds from Date and its microseconds from an unrelated hrtime: both are frozen here, and
// time passes in whole seconds.
describeRegistry('RedisRegistry on ioredis-mock', async () => {
  jest.useFakeTimers({
    now: 1_700_000_000_000,
    doNotFake: [
      'nextTick',
      'queueMicrotask',
      'setImmediate',
      'setInterval',
      'setTimeout',
      'clearTimeout',
      'clearInterval',
    ],
  });
  const clients: { disconnect(): void }[] = [];
  const server = { host: `mock-${++servers}` };
  const admin = new RedisMock(server);
  clients.push(admin);
  return {
    unitMs: 1000,
    ids: [], // its hashes are plain objects: no `__proto__`
    open: (damping) => {
      const client = new RedisMock(server);
      clients.push(client);
      return new RedisRegistry({ client, damping });
    },
    advance: async (units) => void jest.setSystemTime(Date.now() + units * 1000),
    wipe: async () => void (await admin.flushall()),
    close: async () => {
      for (const client of clients) client.disconnect();
      jest.useRealTimers();
    },
  };
});
let servers = 0;
