/** Beyond, all are forgotten, and let through once more. */
const MAX_SUBJECTS = 1000;

/** Lets something through once at first and then at most once in `intervalMs`, for each subject: for logs. */
export class Occasional<Subject> {
  readonly #intervalMs: number;
  readonly #monotonic: () => number;
  readonly #last = new Map<Subject, number>();

  /** @param monotonic clock, ms */
  constructor(intervalMs: number, monotonic: () => number) {
    this.#intervalMs = intervalMs;
    this.#monotonic = monotonic;
  }

  isDue(subject: Subject): boolean {
    const now = this.#monotonic();
    if (this.#last.size > MAX_SUBJECTS) this.#last.clear();
    if (now - (this.#last.get(subject) ?? -Infinity) < this.#intervalMs) return false;
    this.#last.set(subject, now);
    return true;
  }
}
