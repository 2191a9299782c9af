/** A reply that is still to come, to so many requests, and the replies behind it that wait for it. */
interface Waiting {
  readonly reply: object;
  count: number;
  text: string | undefined;
  after: string;
}

/**
 * The replies of one connection, in the order of the requests. Those that are there at once are appended to one string,
 * which costs no allocation of its own; one that comes later holds back all that follow until it is there.
 */
export class ReplyQueue {
  #ready = '';
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;

  /** Replies that are still to come. */
  pending = 0;

  /** Characters (bytes) that wait behind replies still to come. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Characters (bytes) that `take` would return. */
  get readyBytes(): number {
    return this.#ready.length;
  }

  append(text: string): void {
    const last = this.#waiting.length - 1;
    if (last < 0) {
      this.#ready += text;
    } else {
      this.#waiting[last]!.after += text;
      this.#waitingBytes += text.length;
    }
  }

  /**
   * Keeps a place for a reply; call what it returns, once, with the reply. Nothing is returned for a reply that is the
   * one before too: what comes for that comes for both.
   */
  hold(reply: object): ((text: string) => void) | undefined {
    this.pending++;
    const last = this.#waiting[this.#waiting.length - 1];
    if (last !== undefined && last.reply === reply && last.text === undefined && last.after === '') {
      last.count++;
      return undefined;
    }
    const waiting: Waiting = { reply, count: 1, text: undefined, after: '' };
    this.#waiting.push(waiting);
    return (text) => {
      if (waiting.text !== undefined) return;
      waiting.text = text.repeat(waiting.count);
      this.#waitingBytes += waiting.text.length;
      this.pending -= waiting.count;
      this.#release();
    };
  }

  /** What can be sent now, which is then gone from the queue. */
  take(): string {
    const text = this.#ready;
    this.#ready = '';
    return text;
  }

  #release(): void {
    let released = 0;
    for (const { text, after } of this.#waiting) {
      if (text === undefined) break;
      this.#ready += text + after;
      this.#waitingBytes -= text.length + after.length;
      released++;
    }
    if (released > 0) this.#waiting.splice(0, released);
  }
}
