import { type Builder, type Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  type Dashboard,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Whichever is chosen above the panels: dashboards are also imported where there is another. */
const PROMETHEUS = { type: 'prometheus', uid: '${datasource}' } as const;
/** Grafana's grid is 24 wide. */
export const FULL_WIDTH = 24;
const HEIGHT = 8;
const STAT_HEIGHT = 4;

/** From where on a value deserves attention, and from where on action. `falling`: low values are the bad ones. */
export interface Limits {
  readonly warn: number;
  readonly bad: number;
  readonly falling?: boolean;
}

export interface PanelSpec {
  readonly kind?: 'graph' | 'stat' | 'heatmap';
  readonly title: string;
  /** What it shows, and what to make of it. */
  readonly description: string;
  /** A unit of Grafana's. */
  readonly unit: string;
  /** Legend -> PromQL; the legend may name labels as `{{node}}`. Never NaN: what has no value gives nothing. */
  readonly queries: Readonly<Record<string, string>>;
  readonly limits?: Limits;
  /** @defaultValue 8 for a graph, 4 for a number */
  readonly width?: number;
  readonly min?: number;
  readonly max?: number;
  /** What it says when its queries give nothing: there is no value then, which is not 0. */
  readonly noValue?: string;
}

export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

export interface DashboardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** The processes that have this series are what `$node` can be; without it there is no such variable. */
  readonly nodesOf?: string;
  readonly rows: readonly RowSpec[];
}

function thresholds({ limits }: PanelSpec): ThresholdsConfigBuilder {
  const builder = new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute);
  const steps = (colors: readonly (readonly [number | null, string])[]) =>
    builder.steps(colors.map(([value, color]) => ({ value, color })));
  if (limits === undefined) return steps([[null, 'blue']]);
  const { warn, bad, falling = false } = limits;
  return falling
    ? steps([[null, 'red'], [bad, 'orange'], [warn, 'green']]) // prettier-ignore
    : steps([[null, 'green'], [warn, 'orange'], [bad, 'red']]); // prettier-ignore
}

function targets({ kind, queries }: PanelSpec): Builder<Dataquery>[] {
  return Object.entries(queries).map(([legend, expr], i) => {
    const query = new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + i))
      .datasource(PROMETHEUS)
      .expr(expr)
      .legendFormat(legend);
    if (kind === 'heatmap') query.format(PromQueryFormat.Heatmap);
    return kind === 'stat' ? query.instant() : query.range();
  });
}

function panel(spec: PanelSpec): Builder<Panel> {
  const { kind = 'graph', title, description, unit, min, max } = spec;
  const builder =
    kind === 'stat' ? new StatBuilder() : kind === 'heatmap' ? new HeatmapBuilder() : new TimeSeriesBuilder();
  builder.title(title).description(description).datasource(PROMETHEUS).targets(targets(spec));
  builder.unit(unit).thresholds(thresholds(spec));
  builder.height(kind === 'stat' ? STAT_HEIGHT : HEIGHT).span(spec.width ?? (kind === 'stat' ? 4 : 8));
  if (min !== undefined) builder.min(min);
  if (max !== undefined) builder.max(max);
  if (spec.noValue !== undefined) builder.noValue(spec.noValue);
  if (builder instanceof TimeSeriesBuilder) {
    builder
      .fillOpacity(10)
      .legend(
        new VizLegendOptionsBuilder()
          .showLegend(true)
          .displayMode(LegendDisplayMode.List)
          .placement(LegendPlacement.Bottom)
          .calcs([]),
      );
    const mode = spec.limits === undefined ? GraphThresholdsStyleMode.Off : GraphThresholdsStyleMode.Dashed;
    builder.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(mode));
  }
  if (builder instanceof HeatmapBuilder) {
    builder.calculate(false).cellGap(1);
    builder.color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64));
    builder.yAxis(new YAxisConfigBuilder().unit(unit));
  }
  return builder;
}

/** Grafana's model of a dashboard. The same spec gives the same JSON, byte for byte. */
export function dashboard({ uid, title, description, nodesOf, rows }: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['dcs'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh('10s')
    .time({ from: 'now-30m', to: 'now' })
    .link(new DashboardLinkBuilder('Dashboards').type(DashboardLinkType.Dashboards).tags(['dcs']).keepTime(true))
    .withVariable(new DatasourceVariableBuilder('datasource').label('data source').type('prometheus'))
    .withVariable(variable('cluster', 'label_values(dcs_build_info, cluster)'));
  if (nodesOf !== undefined) {
    // "All" is each of them by name: the series of a process are those of masters too.
    builder.withVariable(
      variable('node', `label_values(${nodesOf}{cluster="$cluster"}, node)`).multi(true).includeAll(true),
    );
  }
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const spec of row.panels) builder.withPanel(panel(spec));
  }
  const model = builder.build();
  model.panels?.forEach((each, i) => (each.id = i + 1));
  return model;
}

function variable(name: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(name)
    .datasource(PROMETHEUS)
    .query({ query, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged);
}
