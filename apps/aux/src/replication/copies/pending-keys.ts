import type { Effect } from './effect.js';

interface Pending {
  /** Copies under way. */
  writes: number;
  /** The last write, if it could not be copied: what is stored must not be shown before it is. */
  uncopied: Effect | undefined;
  readonly waiters: (() => void)[];
}

/**
 * Keys whose newest entry is not yet on all its owners. A read of such a key waits: what a client has seen must not
 * vanish with this node.
 */
export class PendingKeys {
  readonly #keys = new Map<string, Pending>();

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.size !== 0 && this.#keys.has(key);
  }

  /** The last write that was stored, if its copy failed and no other is under way. */
  uncopied(key: string): Effect | undefined {
    const pending = this.#keys.get(key);
    return pending?.writes === 0 ? pending.uncopied : undefined;
  }

  begin(key: string): void {
    const pending = this.#keys.get(key);
    if (pending === undefined) this.#keys.set(key, { writes: 1, uncopied: undefined, waiters: [] });
    else pending.writes++;
  }

  /** @param newest the effect is what is stored now: when it is copied, an earlier failure does not matter any more */
  end(effect: Effect, copied: boolean, newest: boolean): void {
    const { key } = effect;
    const pending = this.#keys.get(key);
    if (pending === undefined) return;
    pending.writes--;
    if (newest) pending.uncopied = copied ? undefined : effect;
    else if (!copied) pending.uncopied ??= effect;
    if (pending.writes > 0) return;
    if (pending.uncopied === undefined) this.#keys.delete(key);
    for (const waiter of pending.waiters.splice(0)) waiter();
  }

  /** Calls back when the writes under way are done, however they end. */
  whenDone(key: string, callback: () => void): void {
    const pending = this.#keys.get(key);
    if (pending === undefined || pending.writes === 0) callback();
    else pending.waiters.push(callback);
  }

  /** The key belongs to others now. */
  forget(key: string): void {
    if (this.#keys.get(key)?.writes === 0) this.#keys.delete(key);
  }
}
