import { OPTION_VARIABLES, VARIABLES } from './config/environment.js';
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './errors.js';
import { OPTION_NAMES, optionSpec } from './options.js';

const INDENT = '  ';

/**
 * The text of `--help`. `bin/help.txt` is a copy of it, shown before anything is built: after a change,
 * `node apps/launcher/dist/main.js --help > apps/launcher/bin/help.txt`.
 */
export function helpText(): string {
  const options = OPTION_NAMES.map((name): [string, string] => {
    const { argument, short, default: value, variable, text } = optionSpec(name);
    const notes = [
      value === undefined ? [] : `default ${value}`,
      variable === undefined ? [] : `or ${variable}`,
    ].flat();
    const flag = `${short === undefined ? '' : `-${short}, `}--${name}${argument === undefined ? '' : ` ${argument}`}`;
    return [flag, notes.length === 0 ? text : `${text} (${notes.join(', ')})`];
  });
  const variables = (to: 'both' | 'aux' | 'master'): [string, string][] =>
    Object.entries(VARIABLES)
      .filter(([, variable]) => variable.to === to)
      .map(([name, { text }]) => [name, text]);
  return [
    'Starts a cluster on this machine, waits until it is ready and stops it on Ctrl-C.',
    '',
    'Usage: npm start -- [options]',
    `${INDENT}     node apps/launcher/bin/dcs.js [options]`,
    '',
    'Options',
    ...columns(options),
    '',
    `Environment variables passed on to every process (${OPTION_VARIABLES.join(', ')} are options above)`,
    ...columns(variables('both')),
    'to each aux',
    ...columns(variables('aux')),
    'to each master',
    ...columns(variables('master')),
    '',
    'Exit status',
    ...columns([
      [String(EXIT_OK), 'stopped by Ctrl-C or SIGTERM, after draining'],
      [String(EXIT_FAILURE), 'could not start, or all masters or all aux have died'],
      [String(EXIT_USAGE), 'a wrong option'],
      ['130, 143', 'a second Ctrl-C or SIGTERM killed what was still draining'],
    ]),
    '',
    'Examples',
    `${INDENT}npm start -- --aux 5 --masters 2 --replicas 3`,
    `${INDENT}npm start -- --port 0 --aux-data-port 0 --aux-http-port 0 --data /var/tmp/second --json`,
    `${INDENT}DCS_MAX_BYTES=67108864 npm start -- --quiet`,
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${INDENT}${left.padEnd(width)}  ${right}`);
}
