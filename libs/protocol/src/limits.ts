/** Bounds that gateways and nodes agree on; each enforces them at its own edge. */
export const MAX_KEY_BYTES = 512;
export const MAX_VALUE_BYTES = 1024 * 1024;
export const MAX_CONTENT_TYPE_BYTES = 255;
/** Longest idempotency token of an increment. */
export const MAX_TOKEN_BYTES = 255;
/**
 * By how much older an operation may be with each attempt. A gateway counts attempts so that an operation `n` times as
 * old has at least attempt `n + 1`; a node that meets an older one knows that it was held up on its way. Short, so that
 * it is known of all that were held up for long.
 */
export const ATTEMPT_MS = 250;
