import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRegistry } from './file-registry.js';
import { describeRegistry } from './registry.conformance.js';

describeRegistry('FileRegistry', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'registry-'));
  let now = 5_000;
  return {
    unitMs: 1000,
    open: (damping) => new FileRegistry({ directory, damping, now: () => now, pollMs: 50 }),
    advance: async (units) => void (now += units * 1000),
    wipe: () => rm(directory, { recursive: true }),
    close: () => rm(directory, { recursive: true, force: true }),
  };
});
