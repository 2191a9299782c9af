import { constants } from 'node:os';
import { addressTable, tryItLines } from './address-table.js';
import { Cluster } from './cluster.js';
import { type ClusterEvent, describeExit, hasTokens } from './cluster-plan.js';
import { type Environment, noColour } from './config/environment.js';
import { EXIT_FAILURE, EXIT_OK, EXIT_SIGNAL_BASE, EXIT_USAGE, LauncherError } from './errors.js';
import { helpText } from './help.js';
import { Interrupts, type SignalSource } from './interrupts.js';
import { type LauncherOptions, parseOptions } from './options.js';
import { Screen } from './screen.js';

/** The outside of the command. */
export interface Surface {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly environment: Environment;
  readonly signals: SignalSource;
  /** See {@link ClusterOptions.root}. */
  readonly root?: string;
}

const MS_PER_SECOND = 1000;

/** Runs the command to its end and resolves with its exit status. */
export async function runCli(argv: readonly string[], surface: Surface): Promise<number> {
  const { stdout, stderr, environment } = surface;
  let options: LauncherOptions;
  try {
    options = parseOptions(argv, environment);
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    stderr.write(`${error.message}\nnpm start -- --help lists the options\n`);
    return EXIT_USAGE;
  }
  if (options.help) {
    stdout.write(`${helpText()}\n`);
    return EXIT_OK;
  }
  const output = options.json ? stderr : stdout;
  const screen = new Screen({
    write: (text) => output.write(text),
    colours: output.isTTY === true && !noColour(environment),
    quiet: options.quiet,
  });
  try {
    return await new Launch(options, surface, screen).run();
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    screen.say(error.message, 'red');
    return error.code === 'ERR_USAGE' ? EXIT_USAGE : EXIT_FAILURE;
  }
}

/** One cluster from its start to its end, as the user sees it. */
class Launch {
  readonly #options: LauncherOptions;
  readonly #surface: Surface;
  readonly #screen: Screen;
  readonly #cluster: Cluster;
  #roleGone: (role: string) => void = () => undefined;
  readonly #gone = new Promise<string>((resolve) => (this.#roleGone = resolve));

  constructor(options: LauncherOptions, surface: Surface, screen: Screen) {
    this.#options = options;
    this.#surface = surface;
    this.#screen = screen;
    const { environment, root } = surface;
    this.#cluster = new Cluster({
      ...options,
      environment,
      ...(root === undefined ? {} : { root }),
      onEvent: (event) => this.#show(event),
    });
  }

  async run(): Promise<number> {
    const cluster = this.#cluster;
    const screen = this.#screen;
    let secondSignal: NodeJS.Signals | undefined;
    const interrupts = new Interrupts(this.#surface.signals, (signal) => {
      if (secondSignal === undefined) screen.say(`${signal} again: killing what still runs`, 'red');
      secondSignal = signal;
      cluster.killAll();
    });
    try {
      const first = interrupts.first.then((signal) => {
        const hint = signal === 'SIGINT' ? ' (Ctrl-C again kills)' : '';
        screen.say(`${signal}: draining the masters, then the aux${hint}`);
        return signal;
      });
      const booted = cluster.boot();
      // Either may come first; the other one is then nobody's concern.
      booted.catch(() => undefined);
      const begin = await Promise.race([first, booted]);
      if (begin !== undefined) {
        await cluster.stop();
        await booted.catch(() => undefined); // It had to give up, and has let go of the data directory.
      } else {
        this.#announce();
        const reason = await Promise.race([first, this.#gone]);
        await cluster.stop();
        if (reason === 'aux' || reason === 'master') return EXIT_FAILURE;
      }
      return secondSignal === undefined ? EXIT_OK : EXIT_SIGNAL_BASE + constants.signals[secondSignal];
    } finally {
      interrupts.close();
    }
  }

  #announce(): void {
    const { masters, aux, registry } = this.#cluster;
    const { dataDir, replicas, json } = this.#options;
    const screen = this.#screen;
    if (json) {
      const ready = {
        event: 'ready',
        pid: process.pid,
        data: dataDir,
        registry: masked(registry),
        replicas,
        masters,
        aux,
      };
      this.#surface.stdout.write(`${JSON.stringify(ready)}\n`);
      return;
    }
    screen.plainLine('');
    for (const line of addressTable(masters, aux)) screen.plainLine(`  ${line}`);
    screen.plainLine('');
    const copies = Math.min(replicas, aux.length);
    const few = copies < replicas ? ` (${replicas} asked for, but there are only ${aux.length} aux)` : '';
    screen.plainLine(`  Ready. ${copies} ${copies === 1 ? 'copy' : 'copies'} of each entry${few}; data in ${dataDir}`);
    const { environment } = this.#surface;
    const lines = tryItLines(masters, hasTokens(environment));
    if (lines.length > 0) screen.plainLine('  Try it:\n');
    for (const line of lines) screen.plainLine(`  ${line}`);
    screen.plainLine(`\n  Ctrl-C stops everything.\n`);
  }

  #show(event: ClusterEvent): void {
    const screen = this.#screen;
    const { name } = event;
    switch (event.type) {
      case 'line':
        return screen.log(name, event.line, event.stream);
      case 'ready':
        return screen.say(`${name} is ready (pid ${event.pid}, ${seconds(event.tookMs)})`);
      case 'stopped': {
        if (event.killed) return screen.say(`${name} did not drain in ${seconds(event.tookMs)} and was killed`, 'red');
        const clean = event.exit.code === 0 || event.exit.signal === 'SIGTERM';
        const how = clean ? '' : `: ${describeExit(event.exit)}`;
        return screen.say(`${name} stopped after ${seconds(event.tookMs)}${how}`, clean ? undefined : 'red');
      }
      case 'died':
        return this.#showDeath(event);
    }
  }

  #showDeath({ name, exit, lastLines }: ClusterEvent & { type: 'died' }): void {
    const screen = this.#screen;
    const cluster = this.#cluster;
    const role = name.startsWith('aux-') ? 'aux' : 'master';
    const left = role === 'aux' ? cluster.aux.length : cluster.masters.length;
    const plural = role === 'aux' ? 'aux' : 'masters';
    screen.say(`${name} DIED: ${describeExit(exit)}`, 'red');
    if (exit.signal === null && lastLines.length > 0) {
      screen.say('its last log lines:', 'red');
      for (const line of lastLines) screen.log(name, line, 'stderr');
    }
    if (left > 0) {
      screen.say(`${left} of ${cluster.count(role)} ${plural} go on; ${name} is not started again`, 'red');
    } else {
      screen.say(`no ${role} is left: stopping the rest`, 'red');
      this.#roleGone(role);
    }
  }
}

function seconds(ms: number): string {
  return `${(ms / MS_PER_SECOND).toFixed(1)} s`;
}

/** A registry URL without its password. */
function masked(url: string): string {
  return url.replace(/\/\/[^@/\s]*@/, '//***@');
}
