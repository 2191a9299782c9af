import { type DashboardSpec, FULL_WIDTH } from './panels.js';

/** Eight in a line. */
const STAT_WIDTH = FULL_WIDTH / 8;
const PER_SECOND = 'reqps';
const requests = 'rate(dcs_http_requests_total{cluster="$cluster"}[$__rate_interval])';
const failed = 'rate(dcs_http_requests_total{cluster="$cluster", outcome=~"unavailable|error"}[$__rate_interval])';
const buckets = 'rate(dcs_http_request_duration_seconds_bucket{cluster="$cluster"}[$__rate_interval])';
/** Idle is 0; so is a cache of which nothing is left, and then the numbers of nodes and masters are red. */
const orZero = (expr: string) => `${expr} or vector(0)`;
const hits = 'sum(rate(dcs_hits_total{cluster="$cluster"}[$__rate_interval]))';
const misses = 'sum(rate(dcs_misses_total{cluster="$cluster"}[$__rate_interval]))';
const HIT_RATIO = `${hits} / (${hits} + ${misses} > 0)`;
const used = (bound: string) =>
  `label_replace(sum(dcs_${bound}{cluster="$cluster"}) / sum(dcs_capacity_${bound}{cluster="$cluster"}), "bound", "${bound}", "", "")`;
const CAPACITY_USED = `max(${used('bytes')} or ${used('entries')})`;
const answering = (app: string) => orZero(`count(dcs_build_info{app="${app}", cluster="$cluster"})`);

/** Is the cache well, and what do its clients see? */
export const overview: DashboardSpec = {
  uid: 'dcs-overview',
  title: 'Cache: Overview',
  description: 'Is the cache well, and what do its clients see?',
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Requests',
          description: 'Data calls per second, over all masters.',
          unit: PER_SECOND,
          queries: { requests: orZero(`sum(${requests})`) },
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Failed calls',
          description: 'Share of calls that failed for a reason that is not the client’s. The objective is 0.1 %.',
          unit: 'percentunit',
          queries: { failed: orZero(`sum(${failed}) / (sum(${requests}) > 0)`) },
          limits: { warn: 0.001, bad: 0.0144 },
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Hit ratio',
          description: 'Share of reads on the nodes that found a live entry.',
          unit: 'percentunit',
          queries: { 'hit ratio': HIT_RATIO },
          noValue: 'no reads',
          limits: { warn: 0.8, bad: 0.5, falling: true },
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Nodes',
          description:
            'Cache nodes that answer their scrapes, and how many there should be. With one, its loss is a loss of data.',
          unit: 'none',
          queries: { up: answering('aux'), wanted: 'max(dcs_nodes_wanted{cluster="$cluster"})' },
          limits: { warn: 2, bad: 1, falling: true },
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Masters',
          description: 'Gateways that answer their scrapes. With one, its loss stops the traffic.',
          unit: 'none',
          queries: { masters: answering('master') },
          limits: { warn: 2, bad: 1, falling: true },
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Capacity used',
          description:
            'Of the bound that is nearer, bytes or entries, over all nodes. Full is normal: then nodes evict.',
          unit: 'percentunit',
          queries: { used: CAPACITY_USED },
          noValue: 'no nodes',
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Backup age',
          description: 'Since the last backup of the node that is furthest behind: what could be lost at most.',
          unit: 's',
          queries: { age: 'time() - min(dcs_backup_last_success_timestamp_seconds{cluster="$cluster"} > 0)' },
          limits: { warn: 900, bad: 3600 },
          noValue: 'no backup',
        },
        {
          kind: 'stat',
          width: STAT_WIDTH,
          title: 'Slots recovering',
          description: 'Slots that wait for the nodes or backups that have them; calls for their keys get 503.',
          unit: 'none',
          queries: { slots: 'sum(dcs_recovery_slots_blocked{cluster="$cluster"})' },
          noValue: 'no nodes',
          limits: { warn: 1, bad: 1000 },
        },
      ],
    },
    {
      title: 'Traffic',
      panels: [
        {
          title: 'Requests by operation',
          description: 'Data calls per second that the masters answered.',
          unit: PER_SECOND,
          queries: { '{{operation}}': `sum by (operation) (${requests})` },
          min: 0,
        },
        {
          title: 'Requests by outcome',
          description: '"rejected" is the client’s doing, "unavailable" and "error" are the cache’s.',
          unit: PER_SECOND,
          queries: { '{{outcome}}': `sum by (outcome) (${requests})` },
          min: 0,
        },
        {
          title: 'Hit ratio',
          description:
            'A slow fall with evictions: too small. A sudden one: a client changed, or a node came back empty.',
          unit: 'percentunit',
          queries: { 'hit ratio': HIT_RATIO },
          noValue: 'no reads',
          limits: { warn: 0.8, bad: 0.5, falling: true },
          min: 0,
          max: 1,
        },
        {
          kind: 'heatmap',
          title: 'Time to answer',
          description:
            'Calls per second by how long a master took. A second band above the first is retries or hedges.',
          unit: 's',
          queries: { '{{le}}': `sum by (le) (${buckets})` },
          width: FULL_WIDTH / 2,
        },
        {
          title: 'Time to answer, quantiles',
          description: 'From the arrival of a call at a master to its answer; Nginx and the network are not in it.',
          unit: 's',
          queries: {
            p50: `histogram_quantile(0.5, sum by (le) (${buckets})) >= 0`,
            p99: `histogram_quantile(0.99, sum by (le) (${buckets})) >= 0`,
          },
          noValue: 'no calls',
          limits: { warn: 0.05, bad: 0.25 },
          width: FULL_WIDTH / 2,
          min: 0,
        },
      ],
    },
    {
      title: 'Errors and capacity',
      panels: [
        {
          title: 'Failed calls',
          description:
            'Share of calls that failed for a reason that is not the client’s. Above 1.44 % the page goes out.',
          unit: 'percentunit',
          queries: { failed: orZero(`sum(${failed}) / (sum(${requests}) > 0)`) },
          limits: { warn: 0.001, bad: 0.0144 },
          min: 0,
        },
        {
          title: 'Repeated attempts',
          description:
            'What masters tried again at another owner, by reason. A few while nodes come and go are normal.',
          unit: 'ops',
          queries: {
            '{{reason}}': 'sum by (reason) (rate(dcs_routing_retries_total{cluster="$cluster"}[$__rate_interval]))',
          },
          min: 0,
        },
        {
          title: 'Bytes used',
          description: 'Keys, values and overhead on all nodes, copies included, and what they may hold.',
          unit: 'bytes',
          queries: {
            used: 'sum(dcs_bytes{cluster="$cluster"})',
            capacity: 'sum(dcs_capacity_bytes{cluster="$cluster"})',
          },
          min: 0,
        },
        {
          title: 'Refused and defects',
          description:
            'Calls refused for who made them, by status (401, 403), and exceptions that should not happen: those are to be reported.',
          unit: 'ops',
          queries: {
            'refused {{status}}': orZero(
              'sum by (status) (rate(dcs_http_refused_total{cluster="$cluster"}[$__rate_interval]))',
            ),
            defects: orZero('sum(rate(dcs_defects_total{cluster="$cluster"}[$__rate_interval]))'),
          },
          min: 0,
        },
        {
          title: 'Bytes that masters hold for clients',
          description:
            'Of those that they may hold, by what they are. At 100 % calls are refused with 503 and Retry-After.',
          unit: 'percentunit',
          queries: {
            '{{kind}} {{node}}':
              'dcs_http_buffer_bytes{cluster="$cluster"} / dcs_http_buffer_limit_bytes{cluster="$cluster"}',
          },
          limits: { warn: 0.7, bad: 0.95 },
          min: 0,
          max: 1,
        },
      ],
    },
  ],
};
