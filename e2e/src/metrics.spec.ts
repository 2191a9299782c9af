import { type Cluster, clusterView, masterUrl, useCluster } from './cluster.js';
import { read, remove, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';
import { type Exposition, parseExposition, sumOf, typeOf } from './prometheus-text.js';

const MAX_ENTRIES = 200;

const cluster: () => Cluster = useCluster({ aux: 2, replicas: 1, env: { DCS_MAX_ENTRIES: String(MAX_ENTRIES) } });
const url = () => masterUrl(cluster());

async function scrape(base: string): Promise<Exposition> {
  const answer = await call(base, '/metrics');
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return parseExposition(answer.text);
}
const scrapeMaster = () => scrape(url());
const scrapeAuxes = () => Promise.all(cluster().aux.map(({ host, httpPort }) => scrape(`http://${host}:${httpPort}`)));
const sumOverAuxes = async (name: string, labels = {}) =>
  (await scrapeAuxes()).reduce((sum, exposition) => sum + sumOf(exposition, name, labels), 0);

test('every process answers in the Prometheus format, with help and type for each metric', async () => {
  for (const { samples, types, helps } of [await scrapeMaster(), ...(await scrapeAuxes())]) {
    expect(samples.length).toBeGreaterThan(20);
    for (const { name } of samples) expect([name, typeOf(name, types)]).not.toEqual([name, undefined]);
    for (const name of types.keys()) expect([name, helps.get(name)]).toEqual([name, expect.stringMatching(/./)]);
  }
});

test('our metrics are named as Prometheus asks', async () => {
  for (const { types } of [await scrapeMaster(), ...(await scrapeAuxes())]) {
    const own = [...types].filter(([name]) => name.startsWith('dcs_'));
    expect(own.length).toBeGreaterThan(5);
    for (const [name, type] of own) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|percent)(_|$)/);
    }
  }
});

test('a gateway counts data calls and their time by operation and outcome', async () => {
  const requests = (exposition: Exposition, operation: string, outcome: string) =>
    sumOf(exposition, 'dcs_http_requests_total', { operation, outcome });
  const before = await scrapeMaster();
  await store(url(), 'counted', 'x');
  await read(url(), 'counted');
  await read(url(), 'counted');
  await read(url(), 'not there');
  await remove(url(), 'counted');
  await call(url(), '/data', { json: { key: '' } });
  await call(url(), '/data/bulk/get', { json: ['counted'] });
  const after = await scrapeMaster();
  const grown = (operation: string, outcome: string) =>
    requests(after, operation, outcome) - requests(before, operation, outcome);
  expect({
    set: grown('set', 'ok'),
    rejected: grown('set', 'rejected'),
    get: grown('get', 'ok'),
    missed: grown('get', 'not_found'),
    delete: grown('delete', 'ok'),
    bulk: grown('bulk_get', 'ok'),
  }).toEqual({ set: 1, rejected: 1, get: 2, missed: 1, delete: 1, bulk: 1 });

  const duration = 'dcs_http_request_duration_seconds';
  expect(after.types.get(duration)).toBe('histogram');
  const get = { operation: 'get' };
  expect(sumOf(after, `${duration}_count`, get) - sumOf(before, `${duration}_count`, get)).toBe(3);
  expect(sumOf(after, `${duration}_sum`, get)).toBeGreaterThan(sumOf(before, `${duration}_sum`, get));
  expect(sumOf(after, `${duration}_bucket`, { ...get, le: '+Inf' })).toBe(sumOf(after, `${duration}_count`, get));
});

test('nodes count hits, misses, entries and bytes', async () => {
  const names = ['dcs_hits_total', 'dcs_misses_total', 'dcs_entries', 'dcs_bytes', 'dcs_commands_total'];
  const sums = () => Promise.all(names.map((name) => sumOverAuxes(name)));
  const before = await sums();
  await store(url(), 'kept', 'v'.repeat(1000));
  await read(url(), 'kept');
  await read(url(), 'not kept');
  const [hits = 0, misses = 0, entries = 0, bytes = 0, commands = 0] = (await sums()).map(
    (value, index) => value - (before[index] ?? NaN),
  );
  expect([hits, misses, entries]).toEqual([1, 1, 1]);
  expect(bytes).toBeGreaterThan(1000);
  expect(commands).toBeGreaterThanOrEqual(3);
  expect(await sumOverAuxes('dcs_capacity_entries')).toBe(2 * MAX_ENTRIES);
});

test('evictions are counted by reason, and the bound holds', async () => {
  const items = Array.from({ length: 1000 }, (_, index) => ({ key: `many:${index}`, value: index }));
  expect((await call(url(), '/data/bulk', { json: items })).json()).toEqual({ stored: 1000 });
  expect(await sumOverAuxes('dcs_evictions_total', { reason: 'entries' })).toBeGreaterThanOrEqual(
    1000 - 2 * MAX_ENTRIES,
  );
  for (const exposition of await scrapeAuxes())
    expect(sumOf(exposition, 'dcs_entries')).toBeLessThanOrEqual(MAX_ENTRIES);
});

test('expirations are counted', async () => {
  const before = await sumOverAuxes('dcs_expirations_total');
  await store(url(), 'mortal', 'x', 0.1);
  await eventually(async () => expect(await sumOverAuxes('dcs_expirations_total')).toBe(before + 1));
});

test('every process tells of its view, connections, load and build', async () => {
  const master = await scrapeMaster();
  const auxes = await scrapeAuxes();
  const { epoch } = await clusterView(url());
  for (const exposition of [master, ...auxes]) {
    expect(sumOf(exposition, 'dcs_view_epoch')).toBe(epoch);
    expect(sumOf(exposition, 'dcs_members', { state: 'up' })).toBe(2);
    expect(sumOf(exposition, 'dcs_registry_reachable')).toBe(1);
    expect(sumOf(exposition, 'dcs_build_info')).toBe(1);
    expect(sumOf(exposition, 'dcs_nodes_wanted')).toBe(2);
    expect(sumOf(exposition, 'dcs_replicas_wanted')).toBe(1);
    expect(exposition.types.get('dcs_event_loop_stalled_seconds_total')).toBe('counter');
  }
  expect(sumOf(master, 'dcs_aux_connections', { state: 'connected' })).toBe(2);
  expect(auxes.reduce((sum, exposition) => sum + sumOf(exposition, 'dcs_slots_owned', { role: 'primary' }), 0)).toBe(
    16_384,
  );
  for (const exposition of auxes) expect(sumOf(exposition, 'dcs_connections')).toBeGreaterThan(0);
});

test('no label holds a key', async () => {
  await store(url(), 'a-key-of-a-client', 'x');
  await read(url(), 'a-key-of-a-client');
  for (const { samples } of [await scrapeMaster(), ...(await scrapeAuxes())]) {
    expect(JSON.stringify(samples)).not.toContain('a-key-of-a-client');
  }
});
