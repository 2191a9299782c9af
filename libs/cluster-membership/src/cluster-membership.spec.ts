import { ClusterMembership } from './cluster-membership.js';
import { MemoryRegistry } from './memory-registry.js';
import { FileRegistry } from './file-registry.js';
import { mkdtempSync } from 'node:fs';

test.each([['memory'], ['file']])('smoke %s', async (kind) => {
  const registry = kind === 'memory' ? new MemoryRegistry() : new FileRegistry({ directory: mkdtempSync('/tmp/reg-') });
  const make = (id: string) =>
    new ClusterMembership({
      cluster: 'c',
      registry,
      self: { id, host: 'h', dataPort: 1, httpPort: 2 },
      heartbeatMs: 100,
      leaseMs: 300,
    });
  const a = make('a'),
    b = make('b');
  const o = new ClusterMembership({ cluster: 'c', registry, heartbeatMs: 100, leaseMs: 300 });
  const log: unknown[] = [];
  o.on('view', (v) => log.push([v.epoch, ...v.members.map((m) => m.id + m.state)]));
  await o.start();
  await a.join();
  await b.join();
  await b.update({ state: 'up' });
  await new Promise((r) => setTimeout(r, 150));
  await b.close();
  await new Promise((r) => setTimeout(r, 600));
  await a.leave();
  await o.refresh();
  await o.close();
  await registry.close();
  expect(log.slice(-3)).toEqual([[3, 'ajoining', 'bup'], [4, 'ajoining'], [5]]);
});
