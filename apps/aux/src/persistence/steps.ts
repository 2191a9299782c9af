const STEP_MS = 5;
const CHECK_EVERY = 64;

/** Lets the event loop run between steps of a long computation: `if (steps.isOver()) await steps.pause()`. */
export class Steps {
  #until = performance.now() + STEP_MS;
  #left = CHECK_EVERY;

  /** To be asked after each item of work, of some microseconds, or after `items` of them. */
  isOver(items = 1): boolean {
    this.#left -= items;
    if (this.#left > 0) return false;
    this.#left = CHECK_EVERY;
    return performance.now() >= this.#until;
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#until = performance.now() + STEP_MS;
  }
}

const RUN = 1024;

/** A merge sort that leaves the event loop free. Sorts `items` in place. */
export async function sortInSteps<T>(items: T[], compare: (a: T, b: T) => number): Promise<void> {
  const steps = new Steps();
  for (let at = 0; at < items.length; at += RUN) {
    const run = items.slice(at, at + RUN).sort(compare);
    for (let i = 0; i < run.length; i++) items[at + i] = run[i]!;
    await steps.pause();
  }
  let from = items;
  let to = new Array<T>(items.length);
  for (let width = RUN; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const middle = Math.min(start + width, items.length);
      const end = Math.min(start + 2 * width, items.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takesLeft = left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
        if (steps.isOver()) await steps.pause();
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) for (let i = 0; i < items.length; i++) items[i] = from[i]!;
}
