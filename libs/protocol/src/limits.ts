/** Bounds that gateways and nodes agree on; each enforces them at its own edge. */
export const MAX_KEY_BYTES = 512;
export const MAX_VALUE_BYTES = 1024 * 1024;
export const MAX_CONTENT_TYPE_BYTES = 255;
/** Longest idempotency token of an increment. */
export const MAX_TOKEN_BYTES = 255;
