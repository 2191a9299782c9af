import { compareVersions, type Version, VERSION_ZERO } from '@dcs/protocol';

/**
 * Where traces should have been left and there was no room: per slot the greatest version that went without one. What is
 * absent and not newer than that may have been overwritten by what went, so it is not taken from anybody. At most one
 * version per slot; O(1).
 */
export class LostTraces {
  /** Traces that were not left. */
  count = 0;
  readonly #upTo = new Map<number, Version>();

  get isEmpty(): boolean {
    return this.#upTo.size === 0;
  }

  /** The slots concerned. */
  get slots(): readonly number[] {
    return [...this.#upTo.keys()];
  }

  add(slot: number, { ms, low }: Version): void {
    this.count++;
    if (compareVersions({ ms, low }, this.upTo(slot)) > 0) this.#upTo.set(slot, { ms, low });
  }

  /** `VERSION_ZERO` where no trace is missing. */
  upTo(slot: number): Version {
    return this.#upTo.get(slot) ?? VERSION_ZERO;
  }

  has(slot: number): boolean {
    return this.#upTo.has(slot);
  }

  /** Nobody is left who could bring an older copy. */
  forget(slot: number): void {
    this.#upTo.delete(slot);
  }

  clear(): void {
    this.#upTo.clear();
  }
}
