interface Pending {
  /** Copies under way. */
  writes: number;
  /** The last write could not be copied: what is stored must not be shown before it is. */
  unsafe: boolean;
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

  /** A write was stored whose copy failed, and no other is under way. */
  isUnsafe(key: string): boolean {
    const pending = this.#keys.get(key);
    return pending !== undefined && pending.unsafe && pending.writes === 0;
  }

  begin(key: string): void {
    const pending = this.#keys.get(key);
    if (pending === undefined) this.#keys.set(key, { writes: 1, unsafe: false, waiters: [] });
    else pending.writes++;
  }

  /** @param newest the copies hold what is stored now, so that an earlier failure does not matter any more */
  end(key: string, copied: boolean, newest: boolean): void {
    const pending = this.#keys.get(key);
    if (pending === undefined) return;
    pending.writes--;
    if (!copied) pending.unsafe = true;
    else if (newest) pending.unsafe = false;
    if (pending.writes > 0) return;
    if (!pending.unsafe) this.#keys.delete(key);
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
