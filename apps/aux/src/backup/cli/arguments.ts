import { parseArgs } from 'node:util';

export const COMMANDS = ['list', 'verify', 'export', 'restore'] as const;
export type CommandName = (typeof COMMANDS)[number];

export interface Arguments {
  readonly command: CommandName;
  /** The backup directory. */
  readonly directory: string;
  readonly cluster: string | undefined;
  readonly json: boolean;
  /** `export`: undefined = standard output. */
  readonly out: string | undefined;
  /** `restore`: any node of the cluster. */
  readonly node: { readonly host: string; readonly port: number } | undefined;
  readonly secretFile: string | undefined;
}

/** The command line cannot be understood. */
export class UsageError extends Error {
  readonly code = 'ERR_USAGE';
}

export const HELP = `Usage: npm run backup -- <command> <directory> [options]

Commands:
  list      what there is: clusters, nodes, files, and whether every slot is covered
  verify    reads everything; exit code 1 when something is damaged or incomplete
  export    every entry as one line of JSON, the newest of each key, deleted ones left out
  restore   sends what there is to a running cluster; entries that are newer there stay

Options:
  --cluster NAME      only this cluster; needed by export and restore when there are several
  --json              list, verify: as JSON
  --out FILE          export: into a file instead of standard output
  --node HOST:PORT    restore: the data port of any node of the cluster
  --secret-file FILE  restore: holds the cluster secret
  --help              this text

Exit codes: 0 done, 1 not or not wholly, 2 wrong usage.
`;

/** Which options a command takes. */
const OPTIONS: Readonly<Record<CommandName, readonly string[]>> = {
  list: ['cluster', 'json'],
  verify: ['cluster', 'json'],
  export: ['cluster', 'out'],
  restore: ['cluster', 'node', 'secret-file'],
};

/** `undefined`: help is wanted. @throws UsageError */
export function parseArguments(args: readonly string[]): Arguments | undefined {
  const { values, positionals } = parse(args);
  if (values.help === true) return undefined;
  const [command, directory, ...more] = positionals;
  if (command === undefined || !isCommand(command)) {
    throw new UsageError(`command: got ${shown(command)}, expected ${COMMANDS.join(', ')}`);
  }
  if (directory === undefined || directory === '') throw new UsageError(`${command}: the backup directory is missing`);
  if (more.length > 0) throw new UsageError(`got ${shown(more[0])} after the directory, expected nothing more`);
  for (const name of Object.keys(values)) {
    if (!OPTIONS[command].includes(name)) throw new UsageError(`--${name}: ${command} has no such option`);
  }
  if (command === 'restore' && values.node === undefined) throw new UsageError('restore: --node HOST:PORT is missing');
  return {
    command,
    directory,
    cluster: values.cluster,
    json: values.json ?? false,
    out: values.out,
    node: values.node === undefined ? undefined : parseAddress(values.node),
    secretFile: values['secret-file'],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        cluster: { type: 'string' },
        json: { type: 'boolean' },
        out: { type: 'string' },
        node: { type: 'string' },
        'secret-file': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^\[?([^\s/]+?)\]?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535)
    throw new UsageError(`--node: got ${shown(text)}, expected HOST:PORT`);
  return { host: match[1]!, port };
}

function isCommand(name: string): name is CommandName {
  return (COMMANDS as readonly string[]).includes(name);
}

function shown(text: string | undefined): string {
  return text === undefined ? 'nothing' : JSON.stringify(text.slice(0, 100));
}
