import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, masterUrl, useCluster } from '../cluster.js';
import { ROOT } from '../child-process.js';
import { dataPath } from '../data-api.js';
import { eventually } from '../eventually.js';
import { call } from '../http.js';
import { answers, freePort, Program } from './program.js';

const INFRA = join(ROOT, 'infra');
const SCRAPES_MS = 15_000;
const IDLE_SCRAPES_MS = 6_000;
const BEFORE_BACKUP_MS = 2_000;

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

let loading = true;
let load: Promise<void> | undefined;
// Before the hooks of the cluster, which would stop under the load.
afterAll(async () => {
  loading = false;
  await load;
});
// Small enough to evict, so that every panel has something to show.
const cluster: () => Cluster = useCluster({ masters: 2, aux: 3, env: { DCS_MAX_ENTRIES: '500' } });
let directory: string;
let prometheus: Program | undefined;
let url: string;

/** The scrape configuration of the repository with addresses in the place of DNS names, and in a hurry. */
async function configuration(): Promise<string> {
  const group = (addresses: readonly string[]) =>
    `static_configs: [{ targets: ${JSON.stringify(addresses)} }]\n    scheme: http`;
  const masters = cluster().masters.map((master) => new URL(master.url).host);
  const aux = cluster().aux.map(({ host, httpPort }) => `${host}:${httpPort}`);
  const text = await readFile(join(INFRA, 'prometheus', 'prometheus.yml'), 'utf8');
  const discovery = (name: string) => new RegExp(`dns_sd_configs:\\n.*names: \\[${name}\\].*`);
  const result = text
    .replace(discovery('master'), group(masters))
    .replace(discovery('aux'), group(aux))
    .replace('rules/*.yml', join(INFRA, 'prometheus', 'rules', '*.yml'))
    .replace(/scrape_interval: .*/, 'scrape_interval: 1s')
    .replace(/scrape_timeout: .*/, 'scrape_timeout: 1s')
    .replace(/evaluation_interval: .*/, 'evaluation_interval: 1s');
  expect(result).not.toContain('dns_sd_configs');
  return result;
}

async function query(expr: string): Promise<readonly Result[]> {
  const answer = await call(url, `/api/v1/query?query=${encodeURIComponent(expr)}`);
  expect({ expr, status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return answer.json<{ data: { result: Result[] } }>().data.result;
}

/** Reads that hit and miss, writes, deletes and counters, until the tests are over. */
async function keepBusy(): Promise<void> {
  for (let i = 0; loading; i++) {
    const master = masterUrl(cluster(), i % 2);
    await Promise.all([
      call(master, '/data', { json: { key: `k${i}`, value: 'x'.repeat(100), ttl: i % 10 === 0 ? 1 : 60 } }),
      call(master, dataPath(`k${Math.floor(i / 2)}`)),
      call(master, dataPath('not there')),
      call(master, dataPath('refused'), { headers: { host: 'elsewhere.example' } }),
      call(master, dataPath(`k${i - 1}`), { method: i % 7 === 0 ? 'DELETE' : 'HEAD' }),
    ]);
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dcs-prometheus-'));
  await writeFile(join(directory, 'prometheus.yml'), await configuration());
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  prometheus = new Program('prometheus', [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  await answers(`${url}/-/ready`);
}, 120_000);

afterAll(async () => {
  await prometheus?.close();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly noValue?: string } };
}

/** What each query of each panel gives now. */
async function shown(): Promise<{ name: string; noValue: string | undefined; values: string[] }[]> {
  const folder = join(INFRA, 'grafana', 'dashboards');
  const all: { name: string; noValue: string | undefined; values: string[] }[] = [];
  for (const file of await readdir(folder)) {
    const dashboard = JSON.parse(await readFile(join(folder, file), 'utf8')) as { title: string; panels: Panel[] };
    for (const { title, targets = [], fieldConfig } of dashboard.panels) {
      for (const { expr } of targets) {
        const filled = expr
          .replaceAll('$cluster', 'dcs')
          .replaceAll('$node', '.*')
          .replaceAll('$__rate_interval', '10s');
        const values = (await query(filled)).map(({ value }) => value[1]);
        all.push({ name: `${dashboard.title}: ${title}: ${filled}`, noValue: fieldConfig?.defaults.noValue, values });
      }
    }
  }
  expect(all.length).toBeGreaterThan(40);
  return all;
}

test('every process is scraped, and names its cluster and itself', async () => {
  await eventually(async () => {
    const up = await query('up{job=~"dcs-.*"} * on (instance) group_left (cluster, node) dcs_build_info');
    expect(up.map(({ metric, value }) => [metric['cluster'], metric['node'], value[1]]).sort()).toEqual([
      ['dcs', 'aux-1', '1'],
      ['dcs', 'aux-2', '1'],
      ['dcs', 'aux-3', '1'],
      ['dcs', 'master-1', '1'],
      ['dcs', 'master-2', '1'],
    ]);
  });
});

test('no panel shows NaN on a system that nobody uses, and one that shows nothing says why', async () => {
  await sleep(IDLE_SCRAPES_MS);
  const all = await shown();
  expect(all.filter(({ values }) => values.some((value) => !Number.isFinite(Number(value))))).toEqual([]);
  expect(all.filter(({ values, noValue }) => values.length === 0 && noValue === undefined)).toEqual([]);
}, 60_000);

test('every panel of every dashboard has something to show on a system in use', async () => {
  load = keepBusy();
  await sleep(BEFORE_BACKUP_MS);
  expect((await call(masterUrl(cluster()), '/cluster/backup', { method: 'POST' })).status).toBe(202);
  await sleep(SCRAPES_MS);
  const all = await shown();
  expect(all.filter(({ values }) => values.every((value) => !Number.isFinite(Number(value))))).toEqual([]);
}, 120_000);

test('every recorded series is there, and no rule fails', async () => {
  interface Rule {
    readonly name: string;
    readonly type: string;
    readonly health: string;
    readonly lastError?: string;
  }
  const { data } = (await call(url, '/api/v1/rules')).json<{ data: { groups: { rules: Rule[] }[] } }>();
  const rules = data.groups.flatMap((group) => group.rules);
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
  for (const { name } of rules.filter(({ type }) => type === 'recording')) {
    expect([name, (await query(name)).length > 0]).toEqual([name, true]);
  }
});

test('every metric that a rule asks for exists', async () => {
  const text = `${await readFile(join(INFRA, 'prometheus', 'rules', 'records.yml'), 'utf8')}
    ${await readFile(join(INFRA, 'prometheus', 'rules', 'alerts.yml'), 'utf8')}`;
  const names = new Set([...text.matchAll(/(?<![\w:])dcs_\w+/g)].map(([name]) => name));
  expect(names.size).toBeGreaterThan(10);
  for (const name of names) await eventually(async () => expect([name, (await query(name)).length > 0]).toEqual([name, true])); // prettier-ignore
});

test('a dead system shows 0 nodes and 0 masters, and alerts', async () => {
  loading = false;
  await load;
  const { aux, masters } = cluster();
  await Promise.all([...aux, ...masters].map(({ name }) => cluster().kill(name)));
  const overview = JSON.parse(await readFile(join(INFRA, 'grafana', 'dashboards', 'overview.json'), 'utf8')) as { panels: Panel[] }; // prettier-ignore
  for (const title of ['Nodes', 'Masters', 'Requests']) {
    const [target] = overview.panels.find((panel) => panel.title === title)?.targets ?? [];
    const expr = (target?.expr ?? '').replaceAll('$cluster', 'dcs').replaceAll('$__rate_interval', '2s');
    await eventually(async () =>
      expect([title, (await query(expr)).map(({ value }) => value[1])]).toEqual([title, ['0']]),
    );
  }
  for (const alert of ['DcsNoNodes', 'DcsNoMasters', 'DcsTargetDown']) {
    await eventually(async () => expect([alert, (await query(`ALERTS{alertname="${alert}"}`)).length > 0]).toEqual([alert, true])); // prettier-ignore
  }
}, 60_000);
