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
      title: 'Disk',
      panels: [
        {
          title: 'Disk writable',
          description: '1: what is written gets to the disk. At 0 the node refuses writes; its log says why.',
          unit: 'none',
          queries: { '{{instance}}': gauge('dcs_disk_writable') },
          limits: { warn: 1, bad: 0.5, falling: true },
          min: 0,
          max: 1,
        },
        {
          title: 'Keys on their way to disk',
          description: 'Changed since the last commit. The queue is bounded: at its end writes wait for the disk.',
          unit: 'short',
          queries: { '{{instance}}': gauge('dcs_disk_pending_keys') },
          min: 0,
        },
        {
          title: 'Commits',
          description: 'Groups of changes written per second, and those that failed.',
          unit: 'ops',
          queries: {
            'commits {{instance}}': rate('dcs_disk_commits_total'),
            'failures {{instance}}': rate('dcs_disk_commit_failures_total'),
          },
          min: 0,
        },
        {
          title: 'Time to commit',
          description: 'p99 of one commit, fsync included. With DCS_DURABILITY=always every write waits for one.',
          unit: 's',
          queries: {
            '{{instance}}': `histogram_quantile(0.99, ${rate('dcs_disk_commit_duration_seconds_bucket', 'le')})`,
          },
          limits: { warn: 0.1, bad: 1 },
          min: 0,
        },
        {
          title: 'Disk used',
          description: 'Bytes of the data file, and of the journal since it was last emptied into it.',
          unit: 'bytes',
          queries: {
            'data {{instance}}': gauge('dcs_disk_bytes'),
            'journal {{instance}}': gauge('dcs_disk_journal_bytes'),
          },
          min: 0,
        },
        {
          title: 'Found at the start',
          description: 'Entries that the node loaded from its disk when it started, and damaged ones that it left out.',
          unit: 'short',
          queries: {
            'loaded {{instance}}': gauge('dcs_disk_loaded_entries'),
            'damaged {{instance}}': gauge('dcs_disk_damaged_entries_total'),
          },
          min: 0,
        },
        {
          title: 'Time to load',
          description: 'How long the last start took to read the disk.',
          unit: 's',
          queries: { '{{instance}}': gauge('dcs_disk_load_seconds') },
          min: 0,
        },
      ],
    },
    {
      title: 'Backup',
      panels: [
        {
          title: 'Age of the last backup',
          description: 'What was written since is lost if all nodes and their disks are.',
          unit: 's',
          queries: { '{{instance}}': `time() - (${gauge('dcs_backup_last_success_timestamp_seconds')} > 0)` },
          limits: { warn: 900, bad: 3600 },
          min: 0,
        },
        {
          title: 'Size of the last backup',
          description: 'Bytes written, compressed. A sudden fall is a node that lost its slots, or its entries.',
          unit: 'bytes',
          queries: { '{{instance}}': gauge('dcs_backup_last_size_bytes') },
          min: 0,
        },
        {
          title: 'Entries of the last backup',
          description: 'Those that the node was primary for.',
          unit: 'short',
          queries: { '{{instance}}': gauge('dcs_backup_last_entries') },
          min: 0,
        },
        {
          title: 'Time to back up',
          description: 'How long the last backup took. It yields to clients, so it takes longer under load.',
          unit: 's',
          queries: { '{{instance}}': gauge('dcs_backup_last_duration_seconds') },
          min: 0,
        },
        {
          title: 'Backups',
          description: 'Made since the node started, by outcome, and whether one is under way.',
          unit: 'none',
          queries: {
            '{{outcome}} {{instance}}': gauge('dcs_backups_total'),
            'under way {{instance}}': gauge('dcs_backup_in_progress'),
          },
          min: 0,
        },
        {
          title: 'Restored',
          description: 'Entries taken from backups since the node started, and damaged blocks that were left out.',
          unit: 'short',
          queries: {
            'entries {{instance}}': gauge('dcs_restore_entries_total'),
            'damaged blocks {{instance}}': gauge('dcs_restore_damaged_blocks_total'),
          },
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
