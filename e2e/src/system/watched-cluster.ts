/** Time between two samples, as promtool is told. */
export const INTERVAL_S = 30;

/** One series as promtool takes it. */
export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** From when to when a process runs, in minutes. */
export interface Life {
  readonly from?: number;
  readonly to?: number;
}

/** What a process shows of the cluster, by minute. */
export interface Shown {
  /** Nodes that there should be. @defaultValue 3 */
  readonly wanted?: (minute: number) => number;
  /** Members of the view that serve. @defaultValue `wanted` */
  readonly up?: (minute: number) => number;
  /** @defaultValue 7 */
  readonly epoch?: (minute: number) => number;
  /** Series of this one that differ: the value by the seconds since it started, and by the minute. */
  readonly differ?: Readonly<Record<string, Value>>;
  /** Nobody calls. */
  readonly idle?: boolean;
  /** The target stays when the process is gone, as with a fixed list of addresses: `up` is 0 then. */
  readonly targetStays?: boolean;
}

/** @param seconds since the process started */
type Value = (seconds: number, minute: number) => number;

const REPLICAS = 2;
const BACKUP_INTERVAL_S = 300;
const STARTING_S = 30;
/** A cache in its normal state is full. */
const CAPACITY = 2 ** 28;

const steadily =
  (perSecond: number): Value =>
  (seconds) =>
    perSecond * seconds;
const fixed =
  (value: number): (() => number) =>
  () =>
    value;
const afterStart =
  (before: number, after: number): Value =>
  (seconds) =>
    seconds < STARTING_S ? before : after;

/** Makes the series of processes that run for `minutes`. */
export class WatchedCluster {
  readonly series: InputSeries[] = [];
  readonly #samples: number;

  constructor(minutes: number) {
    this.#samples = (minutes * 60) / INTERVAL_S;
  }

  aux(node: string, lives: readonly Life[] = [{}], shown: Shown = {}): this {
    const traffic = shown.idle === true ? 0 : 1;
    const lastBackup: Value = (seconds, minute) =>
      seconds < BACKUP_INTERVAL_S ? 0 : minute * 60 - (seconds % BACKUP_INTERVAL_S);
    return this.#process('aux', node, lives, shown, {
      'dcs_slots_owned{role="primary"}': fixed(5461),
      'dcs_slots_owned{role="replica"}': fixed(5461),
      dcs_copy_failures_total: fixed(0),
      dcs_suspected_peers: fixed(0),
      dcs_unreadable_replies_total: fixed(0),
      'dcs_entries_refused_total{reason="version"}': fixed(0),
      dcs_backup_files_from_future: fixed(0),
      dcs_membership_suspects: fixed(0),
      dcs_node_fenced: fixed(0),
      dcs_handoff_slots_to_go: afterStart(5461, 0),
      dcs_handoff_bytes_received_total: afterStart(0, 1e6),
      dcs_hits_total: steadily(90 * traffic),
      dcs_misses_total: steadily(10 * traffic),
      'dcs_evictions_total{reason="bytes"}': steadily(50 * traffic),
      dcs_bytes: fixed(CAPACITY),
      dcs_capacity_bytes: fixed(CAPACITY),
      dcs_entries: fixed(1000),
      dcs_capacity_entries: fixed(1e6),
      dcs_disk_writable: fixed(1),
      dcs_disk_damaged_entries_total: fixed(0),
      dcs_disk_checkpoint_failing: fixed(0),
      dcs_recovery_slots_blocked: afterStart(16_384, 0),
      dcs_backup_last_success_timestamp_seconds: lastBackup,
      dcs_backup_interval_seconds: fixed(BACKUP_INTERVAL_S),
      'dcs_backups_total{outcome="success"}': (seconds) => Math.floor(seconds / BACKUP_INTERVAL_S),
      'dcs_backups_total{outcome="failure"}': fixed(0),
      dcs_restore_damaged_blocks_total: fixed(0),
    });
  }

  master(node: string, lives: readonly Life[] = [{}], shown: Shown = {}): this {
    const traffic = shown.idle === true ? 0 : 1;
    return this.#process('master', node, lives, shown, {
      'dcs_http_requests_total{operation="get",outcome="ok"}': steadily(100 * traffic),
      'dcs_http_requests_total{operation="get",outcome="error"}': fixed(0),
      dcs_routing_unexpected_replies_total: fixed(0),
      // A client with an old token now and then.
      'dcs_http_refused_total{method="GET",route="/data/:key",status="401"}': (seconds) => Math.floor(seconds / 60) + 1,
      'dcs_http_request_duration_seconds_bucket{operation="get",le="0.001"}': steadily(99 * traffic),
      'dcs_http_request_duration_seconds_bucket{operation="get",le="+Inf"}': steadily(100 * traffic),
    });
  }

  #process(
    app: string,
    node: string,
    lives: readonly Life[],
    { wanted = fixed(3), up = wanted, epoch = fixed(7), differ = {}, targetStays = false }: Shown,
    own: Readonly<Record<string, Value>>,
  ): this {
    const target = `job="dcs-${app}",instance="${node}.host"`;
    const all: Record<string, Value> = {
      [`dcs_build_info{app="${app}"}`]: fixed(1),
      dcs_nodes_wanted: (_, minute) => wanted(minute),
      dcs_replicas_wanted: fixed(REPLICAS),
      'dcs_members{state="up"}': (_, minute) => up(minute),
      dcs_view_epoch: (_, minute) => epoch(minute),
      dcs_registry_reachable: afterStart(0, 1),
      dcs_defects_total: fixed(0),
      // The start itself takes a while; a little garbage collection later.
      dcs_event_loop_stalled_seconds_total: (seconds) => 0.6 + 0.001 * seconds,
      process_resident_memory_bytes: fixed(2 * CAPACITY),
      dcs_memory_limit_bytes: fixed(4 * CAPACITY),
      process_start_time_seconds: (seconds, minute) => minute * 60 - seconds,
      ...own,
      ...differ,
    };
    for (const [name, value] of Object.entries(all))
      this.#add(name, `${target},cluster="dcs",node="${node}"`, lives, value);
    this.#add('up', target, targetStays ? [{}] : lives, (_, minute) => (lifeAt(lives, minute) === undefined ? 0 : 1));
    return this;
  }

  #add(name: string, labels: string, lives: readonly Life[], value: Value): void {
    const [, metric = name, first] = /^(.*)\{(.*)\}$/.exec(name) ?? [];
    const values: string[] = [];
    for (let i = 0; i <= this.#samples; i++) {
      const minute = (i * INTERVAL_S) / 60;
      const life = lifeAt(lives, minute);
      const wasThere = values.length > 0 && values.at(-1) !== '_' && values.at(-1) !== 'stale';
      if (life === undefined) values.push(wasThere ? 'stale' : '_');
      else values.push(String(value((minute - (life.from ?? -60)) * 60, minute)));
    }
    this.series.push({
      series: `${metric}{${first === undefined ? '' : `${first},`}${labels}}`,
      values: values.join(' '),
    });
  }
}

/** Processes that run from the beginning have done so for an hour. */
function lifeAt(lives: readonly Life[], minute: number): Life | undefined {
  return lives.find(({ from = 0, to = Infinity }) => minute >= from && minute < to);
}
