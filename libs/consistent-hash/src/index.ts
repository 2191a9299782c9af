export { ConsistentHashError, type ConsistentHashErrorCode } from './errors.js';
export { HashRing, type HashRingOptions } from './hash-ring.js';
export { type Member, type ResolvedMember, MAX_WEIGHT } from './member.js';
export { crc16, SLOT_COUNT, slotOf, slotOfBinary, slotOfBytes } from './slot.js';
export { PLACEMENT_VERSION, SlotTable, type SlotChange, type SlotCounts, type SlotTableOptions } from './slot-table.js';
export { hashString } from './string-hash.js';
