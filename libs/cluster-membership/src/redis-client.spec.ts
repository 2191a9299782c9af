import type * as ioredis from 'ioredis';
import type * as ioredis510 from 'ioredis-5.10';
import type * as ioredis6 from 'ioredis-6';
import { RedisRegistry } from './redis-registry.js';

// Checked by the compiler: clients of the versions in the peer range fit without a cast.
function takesAnyIoredis(
  clients: readonly [
    ...[ioredis.Redis, ioredis.Cluster, ioredis510.Redis, ioredis510.Cluster, ioredis6.Redis, ioredis6.Cluster],
  ],
): RedisRegistry[] {
  const [redis, cluster, redis510, cluster510, redis6, cluster6] = clients;
  return [
    ...[new RedisRegistry({ client: redis }), new RedisRegistry({ client: cluster })],
    ...[new RedisRegistry({ client: redis510 }), new RedisRegistry({ client: cluster510 })],
    ...[new RedisRegistry({ client: redis6 }), new RedisRegistry({ client: cluster6 })],
  ];
}

test('a client of any version of the peer range will do, by type', () => {
  expect(takesAnyIoredis).toBeInstanceOf(Function);
});
