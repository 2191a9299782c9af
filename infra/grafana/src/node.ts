import { type DashboardSpec } from './panels.js';

const SELECTOR = 'cluster="$cluster", instance=~"$instance"';
const gauge = (name: string) => `${name}{${SELECTOR}}`;
const rate = (name: string, by?: string) =>
  by === undefined
    ? `rate(${name}{${SELECTOR}}[$__rate_interval])`
    : `sum by (instance, ${by}) (rate(${name}{${SELECTOR}}[$__rate_interval]))`;

/** One cache node, or several side by side. */
export const node: DashboardSpec = {
  uid: 'dcs-node',
  title: 'Cache: Node',
  description: 'One cache node, or several side by side.',
  instancesOf: 'dcs_entries',
  rows: [
    {
      title: 'Commands',
      panels: [
        {
          title: 'Commands',
          description: 'Commands executed per second, those between nodes included.',
          unit: 'ops',
          queries: { '{{instance}} {{command}}': `${rate('dcs_commands_total', 'command')} > 0` },
          min: 0,
        },
        {
          title: 'Time to execute',
          description: 'p99 of one command in 64, without reading and writing the socket.',
          unit: 's',
          queries: {
            '{{instance}}': `histogram_quantile(0.99, ${rate('dcs_command_duration_seconds_bucket', 'le')})`,
          },
          limits: { warn: 0.001, bad: 0.01 },
          min: 0,
        },
        {
          title: 'Connections and commands in flight',
          description: 'Open connections on the data port, and commands whose replies are still to come.',
          unit: 'none',
          queries: {
            'connections {{instance}}': gauge('dcs_connections'),
            'in flight {{instance}}': gauge('dcs_in_flight'),
          },
          min: 0,
        },
      ],
    },
    {
      title: 'LRU',
      panels: [
        {
          title: 'Reads that hit, and missed',
          description: 'Per second on this node.',
          unit: 'ops',
          queries: { 'hits {{instance}}': rate('dcs_hits_total'), 'misses {{instance}}': rate('dcs_misses_total') },
          min: 0,
        },
        {
          title: 'Evictions and expirations',
          description: 'Entries removed to make room, by the bound that was reached, and those whose time was over.',
          unit: 'ops',
          queries: {
            'evicted for {{reason}} {{instance}}': rate('dcs_evictions_total'),
            'expired {{instance}}': rate('dcs_expirations_total'),
          },
          min: 0,
        },
        {
          title: 'Entries',
          description: 'Live entries, and deletes that are remembered against older copies.',
          unit: 'short',
          queries: { 'entries {{instance}}': gauge('dcs_entries'), 'deletes {{instance}}': gauge('dcs_tombstones') },
          min: 0,
        },
        {
          title: 'Bytes used',
          description: 'Of those that the node may hold (DCS_MAX_BYTES). Near 100 % it evicts.',
          unit: 'percentunit',
          queries: { '{{instance}}': `${gauge('dcs_bytes')} / ${gauge('dcs_capacity_bytes')}` },
          limits: { warn: 0.85, bad: 0.95 },
          min: 0,
          max: 1,
        },
        {
          title: 'Entries used',
          description: 'Of those that the node may hold (DCS_MAX_ENTRIES). Near 100 % it evicts.',
          unit: 'percentunit',
          queries: { '{{instance}}': `${gauge('dcs_entries')} / ${gauge('dcs_capacity_entries')}` },
          limits: { warn: 0.85, bad: 0.95 },
          min: 0,
          max: 1,
        },
        {
          title: 'Refused',
          description:
            'Connections past the bound, clients that did not read their replies, and writes with a stamp too far off.',
          unit: 'ops',
          queries: {
            'connections {{instance}}': rate('dcs_connections_refused_total'),
            'slow readers {{instance}}': rate('dcs_slow_readers_total'),
            'stamps {{reason}} {{instance}}': rate('dcs_stale_operations_total'),
          },
          limits: { warn: 0.1, bad: 10 },
          min: 0,
        },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          title: 'Memory',
          description:
            'What the operating system counts, and the JavaScript heap in use. Watch the distance to the container’s limit.',
          unit: 'bytes',
          queries: {
            'resident {{instance}}': gauge('process_resident_memory_bytes'),
            'heap {{instance}}': gauge('nodejs_heap_size_used_bytes'),
          },
          min: 0,
        },
        {
          title: 'Event-loop lag',
          description: 'How late timers run (p99). At half the lease (1.5 s) the node risks being taken for dead.',
          unit: 's',
          queries: { '{{instance}}': `dcs_event_loop_lag_seconds{${SELECTOR}, quantile="0.99"}` },
          limits: { warn: 0.05, bad: 0.25 },
          min: 0,
        },
        {
          title: 'Garbage collection',
          description:
            'Share of time spent collecting, by kind. Much "major" time: the heap is too small for DCS_MAX_BYTES.',
          unit: 'percentunit',
          queries: { '{{kind}} {{instance}}': rate('nodejs_gc_duration_seconds_sum') },
          limits: { warn: 0.1, bad: 0.3 },
          min: 0,
        },
        {
          title: 'CPU',
          description: 'Cores used. A node is one thread for commands: near 1 it is the bottleneck.',
          unit: 'none',
          queries: { '{{instance}}': rate('process_cpu_seconds_total') },
          limits: { warn: 0.8, bad: 0.95 },
          min: 0,
        },
      ],
    },
  ],
};
