import { LEVEL_WARN, readLogLine, renderLogRecord } from './log-line.js';
import { coloured, type Colour, nameColour, type Painter, plain } from './paint.js';

export const LAUNCHER = 'launcher';

export interface ScreenOptions {
  readonly write: (text: string) => void;
  readonly colours: boolean;
  /** Pass on warnings and errors of the processes only. */
  readonly quiet: boolean;
}

/** What the user sees: every line with the name of who says it in front. */
export class Screen {
  readonly #write: (text: string) => void;
  readonly #paint: Painter;
  readonly #quiet: boolean;
  readonly #colours = new Map<string, Colour>([[LAUNCHER, 'bold']]);
  #width = LAUNCHER.length;

  constructor({ write, colours, quiet }: ScreenOptions) {
    this.#write = write;
    this.#paint = colours ? coloured : plain;
    this.#quiet = quiet;
  }

  /** A line of the launcher's own. */
  say(text: string, colour?: Colour): void {
    for (const line of text.split('\n')) this.#line(LAUNCHER, colour === undefined ? line : this.#paint(colour, line));
  }

  /** A line that stands alone, to be copied. */
  plainLine(text: string): void {
    this.#write(`${text}\n`);
  }

  /** A line from a process's log. */
  log(name: string, line: string, stream: 'stdout' | 'stderr'): void {
    const record = readLogLine(line);
    // What is no log record and comes from stderr is a complaint of Node itself or of a wrong variable.
    const important = record.level === undefined ? stream === 'stderr' : record.level >= LEVEL_WARN;
    if (this.#quiet && !important) return;
    for (const text of renderLogRecord(record, this.#paint)) this.#line(name, text);
  }

  #line(name: string, text: string): void {
    let colour = this.#colours.get(name);
    if (colour === undefined) {
      colour = nameColour(this.#colours.size - 1);
      this.#colours.set(name, colour);
    }
    this.#width = Math.max(this.#width, name.length);
    this.#write(`${this.#paint(colour, `${name.padEnd(this.#width)} |`)} ${text}\n`);
  }
}
