import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import type { Session } from './session.js';

/** The Redis whose replies these commands give; clients choose features by it. */
export const REDIS_VERSION = '7.0.0';

const SECTIONS: Readonly<Record<string, (session: Session) => Readonly<Record<string, string | number>>>> = {
  Server: ({ context }) => ({
    redis_version: REDIS_VERSION,
    redis_mode: 'cluster',
    dcs_version: context.version,
    process_id: process.pid,
    tcp_port: context.port(),
    uptime_in_seconds: Math.floor((context.node.now() - context.startedAt) / 1000),
  }),
  Clients: ({ context }) => ({ connected_clients: context.clients().length }),
  Memory: ({ node }) => ({
    used_memory: node.store.bytes,
    used_memory_rss: process.memoryUsage.rss(),
    maxmemory: node.store.maxBytes,
    maxmemory_policy: 'allkeys-lru',
  }),
  Persistence: () => ({ loading: 0 }),
  Stats: ({ node, context }) => ({
    total_commands_processed: context.commandsProcessed(),
    keyspace_hits: node.store.hits,
    keyspace_misses: node.store.misses,
    evicted_keys: node.store.evictions.entries + node.store.evictions.bytes,
    expired_keys: node.store.evictions.expired,
  }),
  Replication: () => ({ role: 'master', connected_slaves: 0 }),
  Cluster: ({ node }) => ({ cluster_enabled: 1, dcs_view_epoch: node.ownership.epoch }),
  Keyspace: ({ node }): Record<string, string> =>
    node.store.size === 0 ? {} : { db0: `keys=${node.store.size},expires=0,avg_ttl=0` },
};
const EVERYTHING = ['ALL', 'DEFAULT', 'EVERYTHING'];

export const info = {
  name: 'INFO',
  arity: -1,
  access: 'read',
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  summary: 'The state of this node, by sections',
  run(session) {
    const { request, protocol } = session;
    const wanted = new Set<string>();
    for (let i = 1; i < request.argc; i++) wanted.add(request.upper(i));
    const all = wanted.size === 0 || EVERYTHING.some((name) => wanted.has(name));
    const sections = Object.entries(SECTIONS)
      .filter(([name]) => all || wanted.has(name.toUpperCase()))
      .map(([name, read]) => {
        const lines = Object.entries(read(session)).map(([field, value]) => `${field}:${value}\r\n`);
        return `# ${name}\r\n${lines.join('')}`;
      });
    return Reply.verbatim(sections.join('\r\n'), protocol);
  },
} as const satisfies Command;
