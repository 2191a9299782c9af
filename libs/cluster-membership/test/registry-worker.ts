/* A member in a process of its own, as fast as it can: registry-worker.ts DIRECTORY ID INCARNATION. Prints each view. */
import { FileRegistry } from '../src/file-registry.js';
import type { View } from '../src/member.js';
import { member } from '../src/registry.conformance.js';

const [directory = '', id = '', incarnation = ''] = process.argv.slice(2);
const registry = new FileRegistry({ directory, damping: { baseHoldMs: 0 } });
const self = member(id, { incarnation: Number(incarnation) });
let last: View | undefined;

async function run(): Promise<void> {
  for (;;) {
    const { view } = await registry.heartbeat('c', { member: self, leaseMs: 400, ...(last && { last }) });
    last = view;
    const members = view.members.map((each) => `${each.id}:${each.incarnation}`);
    process.stdout.write(`${view.epoch} ${members.join(',')}\n`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

run().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
