import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { DiskFolder, newStore, put, remove, START, version } from '../../test/disk-folder.js';
import { valueOf } from '../node/entry.js';

const folder = new DiskFolder();
afterAll(() => folder.close());

type Step =
  | { readonly kind: 'put' | 'delete' | 'evict'; readonly key: number }
  | { readonly kind: 'flush' | 'ask' | 'checkpoint' | 'turn' | 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'evict' as const), key: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'checkpoint' as const, 'crash' as const) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('ask' as const, 'turn' as const) }) },
);

test('whatever happens, what was reported durable is there after a crash, and nothing that was never put', async () => {
  const unchecked = { check: () => Promise.resolve({ damaged: 0, setAside: undefined }) };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, torn) => {
      const directory = folder.directory();
      const disk = await folder.open(directory, { ...unchecked, maxJournalBytes: 2000 });
      const store = newStore();
      await disk.load(store);
      /** What is at least to be found, by key: a version, or 0 once the key may be gone. */
      const promised = new Map<string, number>();
      const evicted = new Set<string>();
      let floor = 0;

      const verify = async (): Promise<void> => {
        const expected = new Map(promised);
        const [maybeGone, promisedFloor] = [new Set(evicted), floor];
        const copy = folder.copy(directory);
        if (torn) appendFileSync(join(copy, readdirSync(copy).at(-1)!), 'torn');
        const again = newStore();
        const reopened = await folder.open(copy, unchecked);
        await reopened.load(again);
        expect(reopened.damaged).toBe(0);
        for (const [key, n] of expected) {
          const found = again.lookup(key)?.ms ?? again.floor.ms;
          if (!maybeGone.has(key)) expect(found).toBeGreaterThanOrEqual(START + n);
        }
        expect(again.floor.ms).toBeGreaterThanOrEqual(promisedFloor === 0 ? 0 : START + promisedFloor);
        again.scanAll('0', 1e6, (key, entry) => {
          const n = entry.ms - START;
          if (entry.kind !== 'd') expect([key, valueOf(entry)]).toEqual([`k${n % 10}`, `value-${n}`]);
          return true;
        });
        await reopened.close();
      };

      let n = 0;
      for (const { kind, ...rest } of steps) {
        // The version tells which key it is of.
        n = (Math.floor(n / 10) + 1) * 10 + ('key' in rest ? rest.key : 0);
        const key = `k${n % 10}`;
        if (kind === 'put') {
          put(store, key, `value-${n}`, n);
          evicted.delete(key);
        } else if (kind === 'delete') {
          remove(store, key, n);
          evicted.delete(key);
        } else if (kind === 'evict') {
          store.dropWhere((each) => each === key);
          evicted.add(key);
        } else if (kind === 'flush') store.flush(version(n));
        else if (kind === 'ask') {
          const held: [string, number][] = [];
          store.scanAll('0', 1e6, (each, entry) => held.push([each, entry.ms - START]) > 0);
          const flushed = store.floor.ms === 0 ? 0 : store.floor.ms - START;
          disk.whenDurable((error) => {
            expect(error).toBeUndefined();
            for (const [each, ms] of held) promised.set(each, ms);
            floor = Math.max(floor, flushed);
          });
        } else if (kind === 'checkpoint') void disk.checkpoints.run();
        else if (kind === 'turn') await new Promise((resolve) => setTimeout(resolve, n % 4));
        else await verify();
      }
      await verify();
      await disk.close();
    }),
    { numRuns: 40 },
  );
}, 180_000);
