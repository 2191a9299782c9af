import { MemoryRegistry } from './memory-registry.js';
import type { DampingPolicy } from './damping.js';
import type { Registry } from './registry.js';
import { describeRegistry } from './registry.conformance.js';

describeRegistry('MemoryRegistry', async () => {
  let now = 1_700_000_000_000;
  let store: MemoryRegistry | undefined;
  let damping: Partial<DampingPolicy> = {};
  // Registries of one store are views of one object here; a wipe replaces it.
  const inner = (): MemoryRegistry => (store ??= new MemoryRegistry({ now: () => now, damping }));
  return {
    unitMs: 1000,
    open: (given): Registry => {
      damping = given;
      let own: MemoryRegistry | undefined;
      const current = (): MemoryRegistry => own ?? inner();
      return {
        heartbeat: (...args) => current().heartbeat(...args),
        remove: (...args) => current().remove(...args),
        read: (...args) => current().read(...args),
        subscribe: (...args) => current().subscribe(...args),
        close: () => (own = current()).close(),
      };
    },
    advance: async (units) => void (now += units * 1000),
    wipe: async () => void (store = undefined),
    close: async () => undefined,
  };
});
