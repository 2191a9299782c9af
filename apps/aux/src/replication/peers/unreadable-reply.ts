/** What a peer has answered is none of the answers to what it was asked. */
export class UnreadableReplyError extends Error {
  readonly code = 'ERR_UNREADABLE_REPLY';
  constructor(id: string, cause: Error) {
    super(`the answer of node ${id} cannot be read: ${cause.message}`, { cause });
  }
}
