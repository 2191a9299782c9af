import { type Arguments, HELP, parseArguments, UsageError } from './arguments.js';
import { exportEntries } from './export.command.js';
import { list } from './list.command.js';
import { restoreToCluster } from './restore.command.js';
import type { Terminal } from './terminal.js';
import { verify } from './verify.command.js';

const COMMANDS: Readonly<Record<Arguments['command'], (args: Arguments, terminal: Terminal) => Promise<number>>> = {
  list,
  verify,
  export: exportEntries,
  restore: restoreToCluster,
};

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Runs one command; never rejects. @returns the exit code */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const args = parseArguments(argv);
    if (args !== undefined) return await COMMANDS[args.command](args, terminal);
    terminal.out.write(HELP);
    return 0;
  } catch (error) {
    terminal.error.write(`${(error as Error).message}\n`);
    if (!(error instanceof UsageError)) return EXIT_FAILED;
    terminal.error.write('Try --help\n');
    return EXIT_USAGE;
  }
}
