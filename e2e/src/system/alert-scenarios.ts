import { INTERVAL_S, type InputSeries, type Life, type Shown, WatchedCluster } from './watched-cluster.js';

/** What happens to a cluster, and which alerts fire when: all of them are named, at each of the minutes. */
export interface Scenario {
  readonly name: string;
  readonly series: readonly InputSeries[];
  readonly firing: Readonly<Record<number, readonly string[]>>;
}

const QUIET: readonly string[] = [];
/** Things happen in the fifth minute. */
const EVENT = 5;
const MINUTES = 45;
/** Longer than any rule looks back. */
const LONG_MINUTES = 110;
/** Just before and after the event, while alerts wait, and long after it. */
const LOOKS = [0, 4, 5.5, 6, 7, 9, 12, 16, 19, 22, 35, MINUTES];
const always = (alerts: readonly string[]) => since(0, alerts);
const since = (first: number, alerts: readonly string[]) =>
  Object.fromEntries(LOOKS.map((minute) => [minute, minute >= first ? alerts : QUIET]));

const ALL = ['a-1', 'a-2', 'a-3'];
const MASTERS = ['m-1', 'm-2'];
const ENDS: readonly Life[] = [{ to: EVENT }];
const BEGINS: readonly Life[] = [{ from: EVENT }];
const RESTARTS: readonly Life[] = [{ to: EVENT }, { from: EVENT + 0.5 }];

/** Three nodes and two masters; `lives` and `differ` of those that are not as the others. */
function cluster(
  shown: Shown = {},
  lives: Readonly<Record<string, readonly Life[]>> = {},
  differ: Readonly<Record<string, Shown>> = {},
  { minutes = MINUTES, nodes = ALL }: { readonly minutes?: number; readonly nodes?: readonly string[] } = {},
): readonly InputSeries[] {
  const watched = new WatchedCluster(minutes);
  for (const node of nodes) watched.aux(node, lives[node], { ...shown, ...differ[node] });
  for (const master of MASTERS) watched.master(master, lives[master], { ...shown, ...differ[master] });
  return watched.series;
}

/** One series of one node or master that is not as it should be from the fifth minute on. */
function oneDiffers(
  name: string,
  series: string,
  before: number,
  after: number,
  shown: Shown = {},
): Scenario['series'] {
  const value = (_: number, minute: number) => (minute < EVENT ? before : after);
  return cluster(shown, {}, { [name]: { differ: { [series]: value } } });
}

const from5 = (before: number, after: number) => (minute: number) => (minute < EVENT ? before : after);
/** Without one node since the fifth minute: the survivors have seen it go. */
const lost: Shown = { wanted: () => 3, up: from5(3, 2), epoch: from5(7, 8) };
const lostForAWhile: Shown = {
  wanted: () => 3,
  up: (minute) => (minute >= EVENT && minute < 15 ? 2 : 3),
  epoch: from5(7, 8),
};
const alone: Shown = { wanted: () => 2, up: from5(2, 1) };
/** Started again after an hour: it knows nothing of the node that was lost before. */
const forgetful: Shown = { wanted: (minute) => (minute < 60 ? 3 : 2) };
const restartAt = (minute: number): readonly Life[] => [{ to: minute }, { from: minute + 1 }];

/** 3-4-3-4-3-4-3: the members that are up, two minutes a step. */
const STEPS = [3, 4, 3, 4, 3, 4, 3];
const stepAt = (minute: number) => Math.max(0, Math.floor((minute - EVENT) / 2) + 1);
const upgraded: Shown = {
  wanted: (minute) => STEPS[Math.min(STEPS.length - 1, stepAt(minute))]!,
  epoch: (minute) => 7 + stepAt(minute),
};

export const SCENARIOS: readonly Scenario[] = [
  { name: 'a cluster that is well, and full', series: cluster(), firing: always(QUIET) },
  { name: 'a cluster that nobody uses', series: cluster({ idle: true }), firing: always(QUIET) },
  { name: 'nothing at all', series: [], firing: since(1, ['DcsNoMasters', 'DcsNoNodes']) },
  {
    name: 'a cluster that begins',
    series: cluster({}, Object.fromEntries([...ALL, ...MASTERS].map((name) => [name, BEGINS]))),
    firing: { ...always(QUIET), 0: QUIET, 4: ['DcsNoMasters', 'DcsNoNodes'] },
  },
  {
    name: 'a cluster that ends: docker-compose kill aux master',
    series: cluster({}, Object.fromEntries([...ALL, ...MASTERS].map((name) => [name, ENDS]))),
    firing: since(6, ['DcsNoMasters', 'DcsNoNodes']),
  },
  {
    name: 'all nodes end, and the masters live on with their last view',
    series: cluster({}, Object.fromEntries(ALL.map((name) => [name, ENDS]))),
    firing: { ...since(7, ['DcsNoNodes', 'DcsNodesLost', 'DcsTooFewOwners']), 6: ['DcsNoNodes'] },
  },
  {
    name: 'the masters end',
    series: cluster({}, { 'm-1': ENDS, 'm-2': ENDS }),
    firing: since(6, ['DcsNoMasters']),
  },
  { name: 'one of two masters ends', series: cluster({}, { 'm-2': ENDS }), firing: since(20, ['DcsTooFewMasters']) },
  {
    name: 'a node is lost for good, and all processes but one are restarted after an hour',
    series: cluster(
      lost,
      { 'a-3': ENDS, 'a-1': restartAt(64), 'm-1': restartAt(60), 'm-2': restartAt(62) },
      { 'a-1': { ...forgetful }, 'm-1': forgetful, 'm-2': forgetful },
      { minutes: LONG_MINUTES },
    ),
    firing: { ...since(7, ['DcsNodesLost']), 59: ['DcsNodesLost'], 80: ['DcsNodesLost'], 110: ['DcsNodesLost'] },
  },
  {
    name: 'a node is lost, and its address stays a target',
    series: cluster(lost, { 'a-3': ENDS }, { 'a-3': { targetStays: true } }),
    firing: { ...since(7, ['DcsNodesLost', 'DcsTargetDown']), 6: ['DcsTargetDown'] },
  },
  {
    name: 'a node is lost, and comes back after ten minutes',
    series: cluster(lostForAWhile, { 'a-3': [{ to: EVENT }, { from: 15 }] }),
    firing: { ...always(QUIET), 7: ['DcsNodesLost'], 9: ['DcsNodesLost'], 12: ['DcsNodesLost'] },
  },
  { name: 'a node is restarted', series: cluster({ epoch: from5(7, 9) }, { 'a-3': RESTARTS }), firing: always(QUIET) },
  { name: 'a master is restarted', series: cluster({}, { 'm-2': RESTARTS }), firing: always(QUIET) },
  {
    name: 'an upgrade, one node after the other: 3-4-3-4-3-4-3',
    series: cluster(
      upgraded,
      {
        'a-1': [{ to: EVENT + 2 }],
        'a-2': [{ to: EVENT + 6 }],
        'a-3': [{ to: EVENT + 10 }],
        'a-4': [{ from: EVENT }],
        'a-5': [{ from: EVENT + 4 }],
        'a-6': [{ from: EVENT + 8 }],
      },
      {},
      { nodes: [...ALL, 'a-4', 'a-5', 'a-6'] },
    ),
    firing: always(QUIET),
  },
  {
    name: 'one owner for as long as it takes',
    series: cluster(alone, { 'a-2': ENDS }, {}, { nodes: ['a-1', 'a-2'], minutes: LONG_MINUTES }),
    firing: { ...since(7, ['DcsNodesLost', 'DcsTooFewOwners']), 110: ['DcsNodesLost', 'DcsTooFewOwners'] },
  },
  { name: 'one write fails', series: oneDiffers('a-1', 'dcs_copy_failures_total', 0, 1), firing: always(QUIET) },
  {
    name: 'a hundred writes fail at once, as when a node is killed',
    series: oneDiffers('a-1', 'dcs_copy_failures_total', 0, 100),
    firing: always(QUIET),
  },
  {
    name: 'one call fails while nobody else calls',
    series: oneDiffers('m-1', 'dcs_http_requests_total{operation="get",outcome="error"}', 0, 1, { idle: true }),
    firing: always(QUIET),
  },
  {
    name: 'a process that is stopped for 1.8 of every 5 seconds',
    series: cluster(
      {},
      {},
      {
        'a-3': {
          differ: { dcs_event_loop_stalled_seconds_total: (_, minute) => Math.max(0, minute - EVENT) * 60 * 0.35 },
        },
      },
    ),
    firing: { 4: QUIET, 9: QUIET, 16: ['DcsEventLoopLag'], 45: ['DcsEventLoopLag'] },
  },
  {
    name: 'the first backup that fails',
    series: oneDiffers('a-1', 'dcs_backups_total{outcome="failure"}', 0, 1),
    firing: { 4: QUIET, 6: ['DcsBackupFailing'], 22: ['DcsBackupFailing'], 45: QUIET },
  },
  {
    name: 'backups on demand only',
    series: cluster({
      differ: { dcs_backup_interval_seconds: () => 0, dcs_backup_last_success_timestamp_seconds: () => 60 },
    }),
    firing: always(QUIET),
  },
];

/** The test file for promtool: JSON is YAML. */
export function testFile(rules: readonly string[], records: readonly string[]): string {
  return JSON.stringify({
    rule_files: rules,
    evaluation_interval: `${INTERVAL_S}s`,
    group_eval_order: ['dcs-records', 'dcs-availability', 'dcs-cluster', 'dcs-capacity', 'dcs-durability'],
    tests: SCENARIOS.map(({ name, series, firing }) => ({
      name,
      interval: `${INTERVAL_S}s`,
      input_series: series,
      promql_expr_test: [
        ...Object.entries(firing).map(([minute, alerts]) => ({
          expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: `${Number(minute) * 60}s`,
          exp_samples: alerts.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
        })),
        // Only NaN differs from itself.
        ...records.map((record) => ({ expr: `${record} != ${record}`, eval_time: '20m', exp_samples: [] })),
      ],
    })),
  });
}
