import type { HybridClock } from '@dcs/protocol';
import type { Timers } from '../../node/ports.js';
import type { Store } from '../../node/store.js';

const SCAN_VISITS = 16_384;

/** The clock goes past everything that is in the store; in steps that leave the event loop free. */
export async function observeVersions(store: Store, clock: HybridClock, timers: Timers): Promise<void> {
  let cursor: string | undefined = '0';
  do {
    cursor = store.scanAll(cursor, SCAN_VISITS, (_, entry) => {
      clock.observe(entry);
      return true;
    });
    await new Promise<void>((resolve) => timers.after(0, resolve));
  } while (cursor !== undefined && cursor !== '0');
}
