import { makeVersion } from '@dcs/protocol';
import fc from 'fast-check';
import { type Entry, entryOf } from '../node/entry.js';
import { Store } from '../node/store.js';
import { DirtyKeys, pagesOf } from './dirty-keys.js';
import type { EntryFile } from './entry-file.js';

const PLACES = 3;
const KEYS = 6;

/** A store of few places, what is dirty in it, and the file that is to hold the same after every checkpoint. */
class Setup {
  readonly store = new Store({
    maxEntries: PLACES,
    maxBytes: 10_000,
    tombstoneRetentionMs: 1e6,
    now: () => 0,
    hashSeed: 1,
  });
  readonly dirty = new DirtyKeys();
  readonly file = new Map<string, Entry>();
  #fromFile = false;
  #ms = 0;

  constructor() {
    this.dirty.begin(PLACES);
    this.store.onChange = (key, entry, place, isNew) => {
      if (isNew) this.dirty.moved(place);
      if (!this.#fromFile || entry === undefined) this.dirty.mark(key, place);
    };
    this.store.onFlush = (floor) => this.dirty.flush(floor);
  }

  set(key: string): void {
    this.store.merge(key, entryOf(key, 'v', makeVersion(++this.#ms, 0, 0)));
  }

  delete(key: string): void {
    const { slot } = entryOf(key, '', makeVersion(1, 0, 0));
    this.store.merge(key, this.store.tombstone(makeVersion(++this.#ms, 0, 0), slot));
  }

  /** As at the start: what is read from the file is no change of it. */
  load(key: string): void {
    const entry = this.file.get(key);
    this.#fromFile = true;
    if (entry !== undefined) this.store.merge(key, entry);
    this.#fromFile = false;
  }

  flush(): void {
    this.store.flush(makeVersion(++this.#ms, 0, 0));
  }

  async checkpoint(fails: boolean): Promise<void> {
    const { file, dirty, store } = this;
    const written = new Map(file);
    dirty.take();
    await dirty.writeTaken(store, {
      isFull: false,
      put: (key: string, entry: Entry) => void written.set(key, entry),
      remove: (key: string) => void written.delete(key),
      clear: () => written.clear(),
      keys: () => [...written.keys()],
    } as unknown as EntryFile);
    if (fails) return dirty.giveBack();
    dirty.settle();
    file.clear();
    for (const [key, entry] of written) file.set(key, entry);
  }
}

test('after a checkpoint the file holds what the store holds, whatever happened before', async () => {
  const steps = fc.array(
    fc.tuple(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant('set' as const) },
        { weight: 2, arbitrary: fc.constant('load' as const) },
        fc.constantFrom('delete' as const, 'checkpoint' as const, 'failure' as const, 'everything' as const),
        { weight: 1, arbitrary: fc.constant('flush' as const) },
      ),
      fc.nat(KEYS - 1),
    ),
    { maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const setup = new Setup();
      for (const [what, n] of list) {
        const key = `k${n}`;
        if (what === 'set' || what === 'load' || what === 'delete') setup[what](key);
        else if (what === 'flush') setup.flush();
        else if (what === 'everything') setup.dirty.markEverything();
        else await setup.checkpoint(what === 'failure');
      }
      await setup.checkpoint(false);
      const held = new Map([...pagesOf(setup.store)].flat());
      expect(setup.file).toEqual(held);
      expect(setup.dirty.isClean).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('marks of old turns are forgotten before their number comes again', async () => {
  const setup = new Setup();
  setup.set('k0');
  setup.set('k0');
  for (let turn = 0; turn < 255; turn++) await setup.checkpoint(false);
  setup.set('k0');
  expect(setup.dirty.waiting).toBe(1);
});

test('a key that is written again is waiting once', () => {
  const setup = new Setup();
  for (let i = 0; i < 5; i++) setup.set('k0');
  setup.set('k1');
  expect(setup.dirty.waiting).toBe(2);
});
