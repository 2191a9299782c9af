export type ProtocolErrorCode =
  | 'ERR_PROTOCOL_VERSION_TEXT'
  | 'ERR_PROTOCOL_VERSION_RANGE'
  | 'ERR_PROTOCOL_HEADER'
  | 'ERR_PROTOCOL_CONDITION'
  | 'ERR_PROTOCOL_REPLY'
  | 'ERR_PROTOCOL_ORIGIN'
  | 'ERR_PROTOCOL_SLOT_SET'
  | 'ERR_PROTOCOL_PEER';

/** What a peer sent, or a caller passed, is not of the protocol's form. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  constructor(
    readonly code: ProtocolErrorCode,
    message: string,
  ) {
    super(message);
  }
}
