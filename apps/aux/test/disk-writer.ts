/**
 * A process that writes to a disk until it is killed, and says on stdout what was reported durable:
 * `node test/disk-writer.ts <directory> <interval|always> <first version>`. One line `<key> <n>` for each.
 */
import { Disk } from '../src/persistence/disk.js';
import { DirectoryLock } from '../src/persistence/directory-lock.js';
import { durable, newStore, put, remove, START } from './disk-folder.js';

const [directory = '', durability = '', first = ''] = process.argv.slice(2);
const KEYS = 500;

async function main(): Promise<void> {
  const lock = await DirectoryLock.acquire(directory);
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const disk = await Disk.open({
    directory,
    durability: durability as 'interval' | 'always',
    now: () => START, // as the store
    log: quiet,
    release: () => lock.release(),
  });
  const store = newStore();
  await disk.load(store);
  process.stdout.write('ready\n');
  for (let n = Number(first); ; ) {
    const acknowledged: string[] = [];
    for (let i = 0; i < 20; i++, n++) {
      const key = `k${(n * 7919) % KEYS}`;
      if (n % 10 === 0) remove(store, key, n);
      else put(store, key, `value-${n}`, n);
      acknowledged.push(`${key} ${n}\n`);
    }
    await durable(disk);
    process.stdout.write(acknowledged.join(''));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

void main();
