export { fromBinary, fromBinaryStrict, isAscii, toBinary } from './binary.js';
export {
  ALWAYS,
  BACKUP_COMMAND,
  decodeCondition,
  DRAIN_COMMAND,
  encodeCondition,
  encodeDelete,
  encodeGet,
  encodeHead,
  encodeIncrement,
  encodeSet,
  encodeTouch,
  helloCommand,
  IF_ABSENT,
  IF_PRESENT,
  type IncrementArguments,
  PROTOCOL_VERSION,
  STATS_COMMAND,
  type WriteCondition,
  type WriteContext,
} from './commands.js';
export {
  decodeHeader,
  encodeHeader,
  type EntryHeader,
  type EntryKind,
  KIND_JSON,
  KIND_STRING,
  KIND_TOMBSTONE,
  rawContentType,
  rawKind,
} from './entry-header.js';
export { ProtocolError, type ProtocolErrorCode } from './errors.js';
export { DEFAULT_MAX_AHEAD_MS, HybridClock, type HybridClockOptions } from './hybrid-clock.js';
export { MAX_CONTENT_TYPE_BYTES, MAX_KEY_BYTES, MAX_TOKEN_BYTES, MAX_VALUE_BYTES } from './limits.js';
export {
  type CopiedEntry,
  decodeDigestReply,
  decodeFetchReply,
  decodePullReply,
  DIGEST_BYTES,
  encodeDigest,
  encodeFetch,
  encodeIds,
  encodeMerge,
  encodePull,
  encodeSync,
  type FetchedEntry,
  type OperationRecord,
  type PulledPage,
  type SlotDigests,
} from './replication.js';
export {
  type BackupStats,
  decodeIncrementReply,
  decodeSetReply,
  decodeTouchReply,
  type NodeStats,
  parseMoved,
  type ReplyErrorCode,
} from './replies.js';
export { SlotSet } from './slot-set.js';
export {
  compareVersions,
  counterOf,
  formatVersion,
  isVersionText,
  makeVersion,
  nextVersion,
  ORIGIN_RANGE,
  originOf,
  parseVersion,
  type Version,
  VERSION_ZERO,
} from './version.js';
