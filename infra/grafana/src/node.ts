import { type DashboardSpec } from './panels.js';

const SELECTOR = 'cluster="$cluster", node=~"$node"';
const gauge = (name: string) => `${name}{${SELECTOR}}`;
const rate = (name: string, by?: string) =>
  by === undefined
    ? `rate(${name}{${SELECTOR}}[$__rate_interval])`
    : `sum by (node, ${by}) (rate(${name}{${SELECTOR}}[$__rate_interval]))`;

/** One cache node, or several side by side. */
export const node: DashboardSpec = {
  uid: 'dcs-node',
  title: 'Cache: Node',
  description: 'One cache node, or several side by side.',
  nodesOf: 'dcs_entries',
  rows: [
    {
      title: 'Commands',
      panels: [
        {
          title: 'Commands',
          description: 'The most frequent commands, executed per second, those between nodes included.',
          unit: 'ops',
          queries: { '{{node}} {{command}}': `topk(12, ${rate('dcs_commands_total', 'command')})` },
          min: 0,
        },
        {
          title: 'Time to execute',
          description: 'p99 of one command in 64, without reading and writing the socket.',
          unit: 's',
          queries: {
            '{{node}}': `histogram_quantile(0.99, ${rate('dcs_command_duration_seconds_bucket', 'le')}) >= 0`,
          },
          noValue: 'no commands',
          limits: { warn: 0.001, bad: 0.01 },
          min: 0,
        },
        {
          title: 'Connections and commands in flight',
          description: 'Open connections on the data port, and commands whose replies are still to come.',
          unit: 'none',
          queries: {
            'connections {{node}}': gauge('dcs_connections'),
            'in flight {{node}}': gauge('dcs_in_flight'),
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
          queries: { 'hits {{node}}': rate('dcs_hits_total'), 'misses {{node}}': rate('dcs_misses_total') },
          min: 0,
        },
        {
          title: 'Evictions and expirations',
          description: 'Entries removed to make room, by the bound that was reached, and those whose time was over.',
          unit: 'ops',
          queries: {
            'evicted for {{reason}} {{node}}': rate('dcs_evictions_total'),
            'expired {{node}}': rate('dcs_expirations_total'),
          },
          min: 0,
        },
        {
          title: 'Entries',
          description: 'Live entries, and deletes that are remembered against older copies.',
          unit: 'short',
          queries: { 'entries {{node}}': gauge('dcs_entries'), 'deletes {{node}}': gauge('dcs_tombstones') },
          min: 0,
        },
        {
          title: 'Bytes used',
          description:
            'Of those that the node may hold (DCS_MAX_BYTES). Full is normal: it evicts what was not used for longest.',
          unit: 'percentunit',
          queries: { '{{node}}': `${gauge('dcs_bytes')} / ${gauge('dcs_capacity_bytes')}` },
          min: 0,
          max: 1,
        },
        {
          title: 'Entries used',
          description:
            'Of those that the node may hold (DCS_MAX_ENTRIES). It evicts for whichever bound is reached first.',
          unit: 'percentunit',
          queries: { '{{node}}': `${gauge('dcs_entries')} / ${gauge('dcs_capacity_entries')}` },
          min: 0,
          max: 1,
        },
        {
          title: 'Refused',
          description:
            'Connections past the bound, clients that did not read their replies, and writes with a stamp too far off.',
          unit: 'ops',
          queries: {
            'connections {{node}}': rate('dcs_connections_refused_total'),
            'slow readers {{node}}': rate('dcs_slow_readers_total'),
            'stamps {{reason}} {{node}}': rate('dcs_stale_operations_total'),
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
          queries: { '{{node}}': gauge('dcs_disk_writable') },
          limits: { warn: 1, bad: 0.5, falling: true },
          min: 0,
          noValue: 'no disk',
          max: 1,
        },
        {
          title: 'Keys on their way to disk',
          description: 'Changed since the last commit. The queue is bounded: at its end writes wait for the disk.',
          unit: 'short',
          queries: { '{{node}}': gauge('dcs_disk_pending_keys') },
          min: 0,
          noValue: 'no disk',
        },
        {
          title: 'Commits',
          description: 'Groups of changes written per second, and those that failed.',
          unit: 'ops',
          queries: {
            'commits {{node}}': rate('dcs_disk_commits_total'),
            'failures {{node}}': rate('dcs_disk_commit_failures_total'),
          },
          min: 0,
          noValue: 'no disk',
        },
        {
          title: 'Time to commit',
          description: 'p99 of one commit, fsync included. With DCS_DURABILITY=always every write waits for one.',
          unit: 's',
          queries: {
            '{{node}}': `histogram_quantile(0.99, ${rate('dcs_disk_commit_duration_seconds_bucket', 'le')}) >= 0`,
          },
          noValue: 'no commits',
          limits: { warn: 0.1, bad: 1 },
          min: 0,
        },
        {
          title: 'Disk used',
          description: 'Bytes of the data file, and of the journal since it was last emptied into it.',
          unit: 'bytes',
          queries: {
            'data {{node}}': gauge('dcs_disk_bytes'),
            'journal {{node}}': gauge('dcs_disk_journal_bytes'),
          },
          min: 0,
          noValue: 'no disk',
        },
        {
          title: 'Found at the start',
          description: 'Entries that the node loaded from its disk when it started, and damaged ones that it left out.',
          unit: 'short',
          queries: {
            'loaded {{node}}': gauge('dcs_disk_loaded_entries'),
            'damaged {{node}}': gauge('dcs_disk_damaged_entries_total'),
          },
          min: 0,
          noValue: 'no disk',
        },
        {
          title: 'Time to load',
          description: 'How long the last start took to read the disk.',
          unit: 's',
          queries: { '{{node}}': gauge('dcs_disk_load_seconds') },
          min: 0,
          noValue: 'no disk',
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
          queries: { '{{node}}': `time() - (${gauge('dcs_backup_last_success_timestamp_seconds')} > 0)` },
          limits: { warn: 900, bad: 3600 },
          min: 0,
          noValue: 'no backup yet',
        },
        {
          title: 'Size of the last backup',
          description: 'Bytes written, compressed. A sudden fall is a node that lost its slots, or its entries.',
          unit: 'bytes',
          queries: { '{{node}}': gauge('dcs_backup_last_size_bytes') },
          min: 0,
          noValue: 'no backup directory',
        },
        {
          title: 'Entries of the last backup',
          description: 'Those that the node was primary for.',
          unit: 'short',
          queries: { '{{node}}': gauge('dcs_backup_last_entries') },
          min: 0,
          noValue: 'no backup directory',
        },
        {
          title: 'Time to back up',
          description: 'How long the last backup took. It yields to clients, so it takes longer under load.',
          unit: 's',
          queries: { '{{node}}': gauge('dcs_backup_last_duration_seconds') },
          min: 0,
          noValue: 'no backup directory',
        },
        {
          title: 'Backups',
          description: 'Made since the node started, by outcome, and whether one is under way.',
          unit: 'none',
          queries: {
            '{{outcome}} {{node}}': gauge('dcs_backups_total'),
            'under way {{node}}': gauge('dcs_backup_in_progress'),
          },
          min: 0,
          noValue: 'no backup directory',
        },
        {
          title: 'Restored',
          description: 'Entries taken from backups since the node started, and damaged blocks that were left out.',
          unit: 'short',
          queries: {
            'entries {{node}}': gauge('dcs_restore_entries_total'),
            'damaged blocks {{node}}': gauge('dcs_restore_damaged_blocks_total'),
          },
          min: 0,
          noValue: 'no backup directory',
        },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          title: 'Memory',
          description:
            'What the operating system counts, the JavaScript heap in use, and the limit of the container or machine.',
          unit: 'bytes',
          queries: {
            'resident {{node}}': gauge('process_resident_memory_bytes'),
            'heap {{node}}': gauge('nodejs_heap_size_used_bytes'),
            'limit {{node}}': gauge('dcs_memory_limit_bytes'),
          },
          min: 0,
        },
        {
          title: 'Event loop stalled',
          description:
            'Share of time for which the process did not run, of each time that it was more than 50 ms late. It answers nobody meanwhile.',
          unit: 'percentunit',
          queries: { '{{node}}': rate('dcs_event_loop_stalled_seconds_total') },
          limits: { warn: 0.02, bad: 0.1 },
          min: 0,
        },
        {
          title: 'Garbage collection',
          description:
            'Share of time spent collecting, by kind. Much "major" time: the heap is too small for DCS_MAX_BYTES.',
          unit: 'percentunit',
          queries: { '{{kind}} {{node}}': rate('nodejs_gc_duration_seconds_sum') },
          limits: { warn: 0.1, bad: 0.3 },
          min: 0,
        },
        {
          title: 'CPU',
          description: 'Cores used. A node is one thread for commands: near 1 it is the bottleneck.',
          unit: 'none',
          queries: { '{{node}}': rate('process_cpu_seconds_total') },
          limits: { warn: 0.8, bad: 0.95 },
          min: 0,
        },
      ],
    },
  ],
};
