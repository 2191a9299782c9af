// What an entry costs besides its key's and its value's bytes: `node --expose-gc scripts/measure-overhead.js`, after a
// build. ENTRY_OVERHEAD_BYTES in src/node/entry.ts is the greatest figure, rounded up.
import { Entry } from '../dist/node/entry.js';
import { Store } from '../dist/node/store.js';

const ENTRIES = 500_000;

/** Flat strings of their own, as they are cut from the wire. */
function flat(text) {
  return Buffer.from(text, 'latin1').latin1Slice();
}

function used() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function measure(valueBytes, expiresAt) {
  const before = used();
  const store = new Store({
    maxEntries: ENTRIES,
    maxBytes: 2 ** 40,
    tombstoneRetentionMs: 1000,
    now: () => Date.now(),
    hashSeed: 1,
  });
  let own = 0;
  for (let i = 0; i < ENTRIES; i++) {
    const key = flat(`key:${i}`);
    const framed = flat(`$${valueBytes}\r\n${'x'.repeat(valueBytes)}\r\n`);
    own += key.length + framed.length;
    store.merge(key, new Entry(framed, 's', Date.now() + i, i, expiresAt, i % 16_384));
  }
  const perEntry = (used() - before - own) / ENTRIES;
  if (store.size !== ENTRIES) throw new Error('entries went missing');
  return Math.round(perEntry);
}

for (const valueBytes of [10, 100, 1000]) {
  for (const expiresAt of [0, Date.now() + 3_600_000]) {
    console.log(
      `values of ${valueBytes} bytes, ${expiresAt === 0 ? 'no expiry' : 'expiry'}: ${measure(valueBytes, expiresAt)} bytes`,
    );
  }
}
