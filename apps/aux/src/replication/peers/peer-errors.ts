import { RespClientError, RespError } from '@dcs/resp';
import { UnreadableReplyError } from './unreadable-reply.js';

/** The peer's process does not listen: nobody is there. Any other failure leaves open whether it lives. */
export function isRefusedConnection(error: Error): boolean {
  const { code, cause } = error as Error & { code?: string; cause?: { code?: string } };
  return code === 'ECONNREFUSED' || cause?.code === 'ECONNREFUSED';
}

/** The peer did not answer in time. */
export function isTimeout(error: Error): boolean {
  return error instanceof RespClientError && error.code === 'ERR_RESP_TIMEOUT';
}

/** There is no answer, and the peer may have the request all the same. */
export function mayHaveArrived(error: Error): boolean {
  return error instanceof UnreadableReplyError || (error instanceof RespClientError && error.sent);
}

/** The peer is of a version that does not have the command. */
export function isUnknownCommand(error: Error): boolean {
  return error instanceof RespError && error.message.startsWith('ERR unknown command');
}
