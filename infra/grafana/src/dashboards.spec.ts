import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { dashboardFiles } from './dashboards.js';

const GRAFANA = join(__dirname, '..');

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly noValue?: string;
      readonly thresholds?: { readonly steps: readonly unknown[] };
    };
  };
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const dashboards = [...dashboardFiles()].map(([name, text]) => ({ name, ...(JSON.parse(text) as Dashboard) }));
const panels = dashboards.flatMap(({ name, panels: all }) =>
  all.filter(({ type }) => type !== 'row').map((panel) => ({ ...panel, name: `${name}: ${panel.title}` })),
);

/** As Grafana fills them in. */
const filled = (expr: string) =>
  expr.replaceAll('$cluster', 'dcs').replaceAll('$node', '.*').replaceAll('$__rate_interval', '1m');

function syntaxErrors(expr: string): number {
  let errors = 0;
  parser.parse(expr).iterate({ enter: ({ type }) => void (errors += type.isError ? 1 : 0) });
  return errors;
}

test('what is committed is what the code generates (npx nx generate @dcs/grafana)', () => {
  const committed = new Map(
    readdirSync(join(GRAFANA, 'dashboards')).map((name) => [
      name,
      readFileSync(join(GRAFANA, 'dashboards', name), 'utf8'),
    ]),
  );
  expect(new Map([...committed].sort())).toEqual(new Map([...dashboardFiles()].sort()));
});

test('there are three, each with a uid of its own and variables for the data source and the cluster', () => {
  expect(dashboards.map(({ uid }) => uid)).toEqual(['dcs-overview', 'dcs-cluster', 'dcs-node']);
  for (const { templating } of dashboards) {
    expect(templating.list.map(({ name }) => name).slice(0, 2)).toEqual(['datasource', 'cluster']);
  }
  expect(dashboards[2]?.templating.list.map(({ name }) => name)).toContain('node');
});

test.each(panels)('$name: says what it shows, in which unit, and from where on it is bad', (panel) => {
  expect(panel.description).toMatch(/.{20,}/);
  expect(panel.fieldConfig?.defaults.unit).toMatch(/./);
  expect(panel.fieldConfig?.defaults.thresholds?.steps.length).toBeGreaterThan(0);
  expect(panel.targets?.length).toBeGreaterThan(0);
  for (const { expr } of panel.targets ?? []) {
    expect(expr).toContain('cluster="$cluster"');
    expect([expr, syntaxErrors(filled(expr))]).toEqual([expr, 0]);
  }
});

test('the parser would notice an expression that is not one', () => {
  expect(syntaxErrors('sum(rate(x[1m])')).toBeGreaterThan(0);
});

test('no two panels of a dashboard lie over each other', () => {
  for (const { name, panels: all } of dashboards) {
    const taken = new Set<string>();
    for (const { gridPos } of all) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([name, x < 24, taken.has(`${x} ${y}`)]).toEqual([name, true, false]);
          taken.add(`${x} ${y}`);
        }
      }
    }
  }
});

test('nothing names a data source: whoever imports a dashboard chooses one', () => {
  const used = [...dashboardFiles().values()].flatMap((text) => [
    ...text.matchAll(/"type": "prometheus",\s+"uid": "(.*)"/g),
  ]);
  expect(used.length).toBeGreaterThan(panels.length);
  expect(new Set(used.map((match) => match[1]))).toEqual(new Set(['${datasource}']));
});

test('"All" nodes are the cache nodes by name, not whatever has the metrics of a process', () => {
  const node = dashboards[2]?.templating.list.find(({ name }) => name === 'node');
  expect(node).toMatchObject({
    includeAll: true,
    query: { query: 'label_values(dcs_entries{cluster="$cluster"}, node)' },
  });
  expect(node).not.toHaveProperty('allValue');
});

/** Where nothing may come of a query: a filter that may drop all, or a share of nothing. */
const MAY_BE_EMPTY = /> 0|>= 0|avg\(/;

test.each(panels)('$name: says why, where its queries may give nothing', ({ targets = [], fieldConfig }) => {
  const mayBeEmpty = targets.some(({ expr }) => MAY_BE_EMPTY.test(expr) && !expr.endsWith('or vector(0)'));
  if (mayBeEmpty) expect(fieldConfig?.defaults.noValue).toMatch(/^no /);
});

test.each(panels)('$name: divides by nothing that may be 0, and takes no quantile of nothing', ({ targets = [] }) => {
  for (const { expr } of targets) {
    if (/rate\(.*\/ |\/ .*rate\(/.test(expr)) expect(expr).toContain('> 0)');
    if (expr.startsWith('histogram_quantile')) expect(expr).toMatch(/ >= 0$/);
  }
});
