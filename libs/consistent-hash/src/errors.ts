/** Stable codes of everything this library throws; branch on these, never on a message. */
export type ConsistentHashErrorCode =
  | 'ERR_MEMBER_INVALID'
  | 'ERR_MEMBER_CONFLICT'
  | 'ERR_OPTION_INVALID'
  | 'ERR_ARGUMENT_INVALID'
  | 'ERR_SLOT_INVALID';

/** The one error class of the library: bad input, named in the message with what was got and what is wanted. */
export class ConsistentHashError extends Error {
  readonly code: ConsistentHashErrorCode;

  constructor(code: ConsistentHashErrorCode, message: string) {
    super(message);
    this.name = 'ConsistentHashError';
    this.code = code;
  }
}

/** A short, safe rendering of a bad value for an error message. */
export const show = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
};
