import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LauncherError } from './errors.js';

/** What the command line asks for, checked and complete. */
export interface LauncherOptions {
  readonly aux: number;
  readonly masters: number;
  readonly replicas: number;
  /** Port of the first master; 0 takes any free ports. */
  readonly port: number;
  readonly auxDataPort: number;
  readonly auxHttpPort: number;
  readonly host: string;
  /** Absolute path. */
  readonly dataDir: string;
  /** Undefined: `file:<dataDir>/registry`. */
  readonly registry: string | undefined;
  readonly readyTimeoutMs: number;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly help: boolean;
}

export const MAX_PROCESSES_PER_ROLE = 64;
export const MAX_REPLICAS = 5;
export const MAX_PORT = 65_535;
const MAX_READY_TIMEOUT_S = 3600;
const MS_PER_SECOND = 1000;

interface OptionSpec {
  readonly argument?: string;
  readonly default?: string;
  /** A DCS_ variable that gives the default when the caller has set it. */
  readonly variable?: string;
  readonly short?: string;
  readonly text: string;
}

/** Every option once: the parser, `--help` and the table in the README come from here. */
export const OPTION_SPECS = {
  aux: { argument: 'N', default: '3', text: `cache nodes, 1 to ${MAX_PROCESSES_PER_ROLE}` },
  masters: { argument: 'M', default: '2', text: `gateways, 0 to ${MAX_PROCESSES_PER_ROLE}` },
  replicas: {
    argument: 'R',
    default: '2',
    variable: 'DCS_REPLICAS',
    text: `nodes that hold each entry, 1 to ${MAX_REPLICAS}`,
  },
  port: { argument: 'P', default: '8080', text: 'HTTP port of the first master, the next ones follow; 0: any free' },
  'aux-data-port': { argument: 'P', default: '7101', text: 'RESP port of the first aux, the next follow; 0: any free' },
  'aux-http-port': { argument: 'P', default: '7201', text: 'ops port of the first aux, the next follow; 0: any free' },
  host: {
    argument: 'ADDRESS',
    default: '127.0.0.1',
    variable: 'DCS_HOST',
    text: 'address that every process listens on',
  },
  data: { argument: 'DIR', default: '.dcs', text: 'directory of what the cluster keeps; one launcher at a time' },
  registry: {
    argument: 'URL',
    default: 'file:<data>/registry',
    variable: 'DCS_REGISTRY',
    text: 'who is in the cluster: file:DIR or redis://...',
  },
  'ready-timeout': { argument: 'SECONDS', default: '30', text: 'how long a process may take to become ready' },
  json: { text: 'print one line of JSON on stdout when ready; everything else goes to stderr' },
  quiet: { text: "of the processes' logs, pass on warnings and errors only" },
  help: { short: 'h', text: 'print this and exit' },
} as const satisfies Record<string, OptionSpec>;

type OptionName = keyof typeof OPTION_SPECS;
export const OPTION_NAMES = Object.keys(OPTION_SPECS) as OptionName[];

export function optionSpec(name: OptionName): OptionSpec {
  return OPTION_SPECS[name];
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Parses the command line.
 * @param variables the caller's DCS_ variables: defaults for `--host`, `--replicas` and `--registry`
 * @param cwd what a relative `--data` or `file:` directory is relative to
 * @throws LauncherError ERR_USAGE, naming the option, what it got and what it wants
 */
export function parseOptions(
  argv: readonly string[],
  variables: Readonly<Record<string, string | undefined>> = {},
  cwd: string = process.cwd(),
): LauncherOptions {
  const values = parse(argv);
  const text = (name: OptionName): string => {
    const value = values[name];
    if (typeof value === 'string') return value;
    const { variable, default: fallback = '' } = optionSpec(name);
    return (variable === undefined ? undefined : variables[variable]) || fallback;
  };
  const integer = (name: OptionName, min: number, max: number): number => {
    const value = text(name).trim();
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max)) wrong(name, value, `an integer from ${min} to ${max}`);
    return number;
  };
  /** The last port of a range must exist too. */
  const port = (name: OptionName, count: number): number => {
    const first = integer(name, 0, MAX_PORT);
    if (first !== 0 && first + count - 1 > MAX_PORT) {
      wrong(name, String(first), `at most ${MAX_PORT - count + 1}, so that ${count} ports fit`);
    }
    return first;
  };
  const aux = integer('aux', 1, MAX_PROCESSES_PER_ROLE);
  const masters = integer('masters', 0, MAX_PROCESSES_PER_ROLE);
  const seconds = Number(text('ready-timeout') || 'none');
  if (!(seconds > 0 && seconds <= MAX_READY_TIMEOUT_S)) {
    wrong('ready-timeout', text('ready-timeout'), `seconds, more than 0 and at most ${MAX_READY_TIMEOUT_S}`);
  }
  const host = text('host').trim();
  if (!/^[\w.:%-]+$/.test(host)) wrong('host', host, 'an IP address or a host name');
  const data = text('data');
  if (data === '') wrong('data', data, 'a directory');
  const registry = values['registry'] === undefined && !variables['DCS_REGISTRY'] ? undefined : text('registry');
  return {
    aux,
    masters,
    replicas: integer('replicas', 1, MAX_REPLICAS),
    port: port('port', masters),
    auxDataPort: port('aux-data-port', aux),
    auxHttpPort: port('aux-http-port', aux),
    host,
    dataDir: resolve(cwd, data),
    registry: registry === undefined ? undefined : registryUrl(registry, cwd),
    readyTimeoutMs: seconds * MS_PER_SECOND,
    json: values['json'] === true,
    quiet: values['quiet'] === true,
    help: values['help'] === true,
  };
}

/** The processes run in another directory than the caller, so a `file:` path is made absolute here. */
export function registryUrl(url: string, cwd: string): string {
  if (url.startsWith('file:') && url.length > 'file:'.length) {
    return `file:${resolve(cwd, url.slice('file:'.length).replace(/^\/\/(?=\/)/, ''))}`;
  }
  if (/^(redis|rediss|redis\+sentinel|redis\+cluster):\/\/\S+$/.test(url)) return url;
  const wanted = 'file:DIR, redis://, rediss://, redis+sentinel:// or redis+cluster://';
  return wrong('registry', url, url.startsWith('memory:') ? `${wanted} (memory: is one process's own)` : wanted);
}

function wrong(option: OptionName, got: string, wanted: string): never {
  // A registry URL may carry a password.
  const shown = got.replace(/\/\/[^@/\s]*@/, '//***@');
  throw new LauncherError('ERR_USAGE', `--${option}: got ${JSON.stringify(shown)}, expected ${wanted}`);
}

function parse(argv: readonly string[]): Values {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const name of OPTION_NAMES) {
    const { argument, short } = optionSpec(name);
    options[name] = { type: argument === undefined ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) };
  }
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values as Values;
  } catch (cause) {
    const [message = 'wrong options'] = (cause as Error).message.split(/\. |\n/);
    throw new LauncherError('ERR_USAGE', message.replace(/\.$/, ''), { cause });
  }
}
