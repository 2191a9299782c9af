import { ServerResponse } from 'node:http';

/** A response of this server. */
export class GatewayResponse extends ServerResponse {
  /** Bytes of the budget of answers that it holds until it is read. */
  heldBytes = 0;
  /** Gives back a share of an answer that others may hold, too. */
  release: (() => void) | undefined = undefined;
}
