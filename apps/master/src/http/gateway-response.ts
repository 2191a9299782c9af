import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { SECURITY_HEADER_LIST, SECURITY_HEADERS } from './security-headers.js';

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/** A response of this server: every one has the security headers, whoever writes it. */
export class GatewayResponse extends ServerResponse {
  /** Bytes of the budget of answers that it holds until it is read. */
  heldBytes = 0;
  /** Gives back a share of an answer that others may hold, too. */
  release: (() => void) | undefined = undefined;

  override writeHead(status: number, reasonOrHeaders?: string | Headers, more?: Headers): this {
    const [reason, headers] = typeof reasonOrHeaders === 'string' ? [reasonOrHeaders, more] : [undefined, reasonOrHeaders]; // prettier-ignore
    if (headers === undefined) {
      for (const name in SECURITY_HEADERS) if (!this.hasHeader(name)) this.setHeader(name, SECURITY_HEADERS[name]!);
      return super.writeHead(status, reason);
    }
    const all = Array.isArray(headers) ? headers.concat(SECURITY_HEADER_LIST) : { ...SECURITY_HEADERS, ...headers };
    return super.writeHead(status, reason, all);
  }
}
