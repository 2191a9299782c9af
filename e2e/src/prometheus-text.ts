export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly samples: readonly Sample[];
  /** Metric name -> counter, gauge, histogram or summary. */
  readonly types: ReadonlyMap<string, string>;
  readonly helps: ReadonlyMap<string, string>;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?(?:[\d.]+(?:e[+-]?\d+)?|Inf)|\+Inf|NaN)(?: -?\d+)?$/i;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

/**
 * Reads the Prometheus text format 0.0.4 strictly.
 *
 * @throws Error for a line that is not of the format, a sample without a type, or a sample that is there twice
 */
export function parseExposition(text: string): Exposition {
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  const seen = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment;
      (kind === 'TYPE' ? types : helps).set(name, rest);
      continue;
    }
    const match = SAMPLE.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name = '', labels = '', value = ''] = match;
    if (typeOf(name, types) === undefined) throw new Error(`no TYPE before ${line}`);
    if (seen.has(`${name}{${labels}`)) throw new Error(`twice: ${line}`);
    seen.add(`${name}{${labels}`);
    samples.push({ name, labels: parseLabels(labels), value: Number(value.replace(/Inf$/i, 'Infinity')) });
  }
  return { samples, types, helps };
}

/** The type of a sample's metric; the samples of a histogram have suffixes. */
export function typeOf(sampleName: string, types: ReadonlyMap<string, string>): string | undefined {
  return types.get(sampleName) ?? types.get(sampleName.replace(/_(bucket|sum|count)$/, ''));
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`not labels: ${text}`);
    labels[match[1] ?? ''] = (match[2] ?? '').replace(/\\[\\"n]/g, (escape) => ESCAPES[escape] ?? escape);
  }
  return labels;
}

/** The sum of a metric's samples whose labels include all of `labels`. */
export function sumOf(exposition: Exposition, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return exposition.samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
