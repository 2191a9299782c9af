/**
 * Run by `entry-file-check.ts` in a process of its own, because a damaged LMDB file can end the process that reads it:
 * walks the whole file and prints what it found as one line of JSON. Exit code 1: the structure is broken.
 */
import { crc32 } from 'node:zlib';
import { open } from 'lmdb';

const CODEC = { encoding: 'binary', keyEncoding: 'binary' };
const CHECKSUM_BYTES = 4;

/** @param {Buffer} value @param {number} seed */
function isIntact(value, seed) {
  return value.length >= CHECKSUM_BYTES && value.readUInt32BE(0) === crc32(value.subarray(CHECKSUM_BYTES), seed);
}

/** @param {string} path */
function check(path) {
  const root = open({ path, noSubdir: true, readOnly: true, maxDbs: 2, ...CODEC });
  const names = [...root.getKeys()].map((key) => key.toString('latin1').replace('\0', ''));
  if (!names.every((name) => name === 'entries' || name === 'meta')) return { ours: false };
  if (names.length < 2) return { ours: true }; // its maker was interrupted
  const meta = root.openDB({ name: 'meta', ...CODEC }).get(Buffer.from('meta'));
  const entries = root.openDB({ name: 'entries', ...CODEC });
  let count = 0;
  let damaged = 0;
  /** @type {Buffer | undefined} */
  let last;
  for (const { key, value } of entries.getRange({})) {
    if (last !== undefined && last.compare(key) >= 0) throw new Error('keys are out of order');
    last = key;
    count++;
    if (!isIntact(value, crc32(key))) damaged++;
  }
  const expected = entries.getStats().entryCount;
  if (count !== expected) throw new Error(`it has ${count} entries and says it has ${expected}`);
  const known = meta !== undefined && isIntact(meta, 0);
  return {
    ours: true,
    count,
    damaged,
    schema: known ? JSON.parse(meta.toString('utf8', CHECKSUM_BYTES)).schema : null,
  };
}

try {
  process.stdout.write(JSON.stringify(check(process.argv[2])));
} catch (error) {
  process.stdout.write(JSON.stringify({ broken: error.message, code: error.code }));
  process.exitCode = 1;
}
