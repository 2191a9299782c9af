import { Journal } from './journal.js';
import type { JournalFiles } from './journal-files.js';

/** A file system that notes how bytes came, and takes its time where it is told to. */
function recorder(): { files: JournalFiles; written: string[]; release: () => void; slow: { ms: number } } {
  const written: string[] = [];
  const slow = { ms: 0 };
  let release = (): void => undefined;
  const files: JournalFiles = {
    create: async () => ({
      write: async (bytes) => void written.push(`pool ${bytes.length}`),
      writeNow: (bytes) => {
        for (const end = performance.now() + slow.ms; performance.now() < end; );
        written.push(`place ${bytes.length}`);
      },
      sync: () => new Promise((resolve) => (release = resolve)),
      close: async () => undefined,
    }),
    read: async () => Buffer.alloc(0),
    list: async () => [],
    remove: async () => undefined,
    syncDirectory: async () => undefined,
  };
  return { files, written, release: () => release(), slow };
}

async function journalOn(files: JournalFiles): Promise<Journal> {
  const journal = await Journal.open('/nowhere', files);
  await journal.begin();
  return journal;
}

test('a few bytes are written in place, many by another thread', async () => {
  const { files, written } = recorder();
  const journal = await journalOn(files);
  expect(journal.append(Buffer.alloc(100), false)).toBeUndefined();
  await journal.append(Buffer.alloc(100_000), false);
  expect(written).toEqual(['place 100', 'pool 100000']);
  expect(journal.bytes).toBe(100_100);
});

test('while a sync is under way, nothing is written in place', async () => {
  const { files, written, release } = recorder();
  const journal = await journalOn(files);
  void journal.append(Buffer.alloc(1), false);
  const synced = journal.sync();
  await journal.append(Buffer.alloc(2), false);
  release();
  await synced;
  void journal.append(Buffer.alloc(3), false);
  expect(written).toEqual(['place 1', 'pool 2', 'place 3']);
});

test('after a write that was slow, the event loop is left alone', async () => {
  const { files, written, slow } = recorder();
  const journal = await journalOn(files);
  slow.ms = 10;
  void journal.append(Buffer.alloc(1), false);
  await journal.append(Buffer.alloc(2), false);
  expect(written).toEqual(['place 1', 'pool 2']);
});
