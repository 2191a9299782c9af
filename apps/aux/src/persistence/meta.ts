import { crc32 } from 'node:zlib';
import type { View } from '@dcs/cluster-membership';
import type { Version } from '@dcs/protocol';

/** Of this version of the files' format. */
export const SCHEMA = 1;
export const META_KEY = Buffer.from('meta');

/** What the entries of a folder are. */
export interface DiskMeta {
  readonly schema: number;
  /** See `DiskIdentity`; undefined before the node had one. */
  readonly lineage: string | undefined;
  /** ms since the Unix epoch. */
  readonly aliveAt: number;
  readonly views: readonly View[];
  /** Everything up to this version was flushed. */
  readonly floor: Version;
}

const CHECKSUM_BYTES = 4;

/** CRC-32 u32, and JSON: any later version of the format can be recognized. */
export function encodeMeta(meta: DiskMeta): Buffer {
  const text = Buffer.from(JSON.stringify(meta));
  const bytes = Buffer.alloc(CHECKSUM_BYTES + text.length);
  bytes.writeUInt32BE(crc32(text), 0);
  text.copy(bytes, CHECKSUM_BYTES);
  return bytes;
}

export function decodeMeta(bytes: Buffer | undefined): DiskMeta | undefined {
  if (bytes === undefined || bytes.length < CHECKSUM_BYTES) return undefined;
  const text = bytes.subarray(CHECKSUM_BYTES);
  if (bytes.readUInt32BE(0) !== crc32(text)) return undefined;
  return JSON.parse(text.toString()) as DiskMeta;
}
