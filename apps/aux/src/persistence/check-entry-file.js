/**
 * Run by `entry-file-check.ts` in a process of its own, because a damaged LMDB file can end the process that reads it:
 * `node check-entry-file.js <file> [<copy>]` walks the whole file, writes what is intact into a new one if it is to and
 * there is room for it, and prints what it found as one line of JSON. Exit code 1: the structure is broken.
 */
import { rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { open } from 'lmdb';

const CODEC = { encoding: 'binary', keyEncoding: 'binary' };
const CHECKSUM_BYTES = 4;
const META_KEY = Buffer.from('meta');
/** Of one transaction. */
const BATCH_BYTES = 32 * 2 ** 20;
const SLACK_BYTES = 2 ** 20;

/** @param {Buffer} value @param {number} seed */
function isIntact(value, seed) {
  return value.length >= CHECKSUM_BYTES && value.readUInt32BE(0) === crc32(value.subarray(CHECKSUM_BYTES), seed);
}

/** Copies records, as long as it can. */
class Copy {
  /** @type {string | undefined} */
  failure;
  #root;
  #entries;
  #meta;
  /** @type {{ key: Buffer, value: Buffer }[]} */
  #batch = [];
  #bytes = 0;

  /** @param {string} path */
  constructor(path) {
    rmSync(path, { force: true });
    rmSync(`${path}-lock`, { force: true });
    this.#root = open({ path, noSubdir: true, maxDbs: 2, overlappingSync: false, ...CODEC });
    this.#entries = this.#root.openDB({ name: 'entries', ...CODEC });
    this.#meta = this.#root.openDB({ name: 'meta', ...CODEC });
  }

  /** @param {Buffer} key @param {Buffer} value */
  put(key, value) {
    this.#batch.push({ key, value });
    this.#bytes += value.length;
    if (this.#bytes > BATCH_BYTES) this.flush();
  }

  /** @param {Buffer} [meta] */
  flush(meta) {
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    if (this.failure !== undefined) return;
    try {
      this.#root.transactionSync(() => {
        for (const { key, value } of batch) this.#entries.putSync(key, value);
        if (meta !== undefined) this.#meta.putSync(META_KEY, meta);
      });
    } catch (error) {
      this.failure = error.message;
    }
  }

  async close() {
    await this.#root.close();
  }
}

/** LMDB does not survive a full disk everywhere. @param {string} path */
function hasRoomForCopy(path) {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize > statSync(path).size + SLACK_BYTES;
}

/** @param {string} path @param {string | undefined} target */
async function check(path, target) {
  const root = open({ path, noSubdir: true, readOnly: true, maxDbs: 2, ...CODEC });
  const names = [...root.getKeys()].map((key) => key.toString('latin1').replace('\0', ''));
  if (!names.every((name) => name === 'entries' || name === 'meta')) return { ours: false };
  if (names.length < 2) return { ours: true, uncopied: 'it is empty' }; // its maker was interrupted
  const meta = root.openDB({ name: 'meta', ...CODEC }).get(META_KEY);
  const known = meta !== undefined && isIntact(meta, 0);
  const schema = known ? JSON.parse(meta.toString('utf8', CHECKSUM_BYTES)).schema : undefined;
  if (schema > 1) return { ours: true, schema };
  const entries = root.openDB({ name: 'entries', ...CODEC });
  const copy = target !== undefined && hasRoomForCopy(path) ? new Copy(target) : undefined;
  let count = 0;
  let damaged = known ? 0 : 1;
  for (const { key, value } of entries.getRange({})) {
    count++;
    if (isIntact(value, crc32(key))) copy?.put(key, value);
    else damaged++;
  }
  copy?.flush(known ? meta : undefined);
  await copy?.close();
  const expected = entries.getStats().entryCount;
  if (count !== expected) throw new Error(`it has ${count} entries and says it has ${expected}`);
  return { ours: true, damaged, schema, uncopied: copy === undefined ? 'no room' : copy.failure };
}

try {
  process.stdout.write(JSON.stringify(await check(process.argv[2], process.argv[3])));
} catch (error) {
  process.stdout.write(JSON.stringify({ broken: error.message, code: error.code }));
  process.exitCode = 1;
}
