import { StringDecoder } from 'node:string_decoder';

/** A longer line is cut into pieces of this many characters, so that a stream with no line end cannot fill memory. */
export const MAX_LINE_CHARACTERS = 65_536;

/** Turns chunks of a byte stream into lines. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** Hands out what came after the last line end. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (this.#rest.length >= MAX_LINE_CHARACTERS) {
      this.#onLine(this.#rest.slice(0, MAX_LINE_CHARACTERS));
      this.#rest = this.#rest.slice(MAX_LINE_CHARACTERS);
    }
  }
}
