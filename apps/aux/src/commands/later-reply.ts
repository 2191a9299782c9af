/** A reply that is still to come: a promise, or the same at less cost. */
export interface Later {
  then(listener: (text: string) => unknown): unknown;
}

/**
 * A reply that is settled once, by a call. Unlike a promise it tells its listeners within that call, and costs no
 * microtask: a node answers most of its writes with one.
 */
export class LaterReply implements Later {
  #text: string | undefined;
  #first: ((text: string) => unknown) | undefined;
  #second: ((text: string) => unknown) | undefined;
  #others: ((text: string) => unknown)[] | undefined;

  /** Its text, once it is settled. */
  get text(): string | undefined {
    return this.#text;
  }

  /** What comes later than the first is dropped. */
  settle(text: string): void {
    if (this.#text !== undefined) return;
    this.#text = text;
    this.#first?.(text);
    this.#second?.(text);
    this.#others?.forEach((listener) => listener(text));
  }

  /** Two listeners are usual: who counts it, and who sends it. */
  then(listener: (text: string) => unknown): void {
    if (this.#text !== undefined) listener(this.#text);
    else if (this.#first === undefined) this.#first = listener;
    else if (this.#second === undefined) this.#second = listener;
    else (this.#others ??= []).push(listener);
  }
}
