import type { Member } from '@dcs/cluster-membership';
import { helloCommand } from '@dcs/protocol';
import { RespClient } from '@dcs/resp';
import type { PeerLink, PeerTransport } from '../../node/ports.js';

export interface RespTransportOptions {
  readonly selfId: string;
  /** The cluster secret, where one is set. */
  readonly secret: string | undefined;
}

const CONNECT_TIMEOUT_MS = 500;
const RECONNECT = { minMs: 50, maxMs: 500 };
const MAX_IN_FLIGHT = 50_000;

/** Connections to other nodes over TCP: one each, opened when first used, kept, and opened again when lost. */
export class RespTransport implements PeerTransport {
  readonly #handshake: readonly (readonly string[])[];

  constructor({ selfId, secret }: RespTransportOptions) {
    const hello = helloCommand('aux', selfId);
    this.#handshake = secret === undefined ? [hello] : [['AUTH', secret], hello];
  }

  open({ host, dataPort }: Member): PeerLink {
    const client = new RespClient(
      { host, port: dataPort },
      {
        bulk: 'binary',
        handshake: this.#handshake,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        reconnect: RECONNECT,
        maxInFlight: MAX_IN_FLIGHT,
      },
    );
    return {
      send: (encoded, timeoutMs, callback) => client.send(encoded, callback, timeoutMs),
      close: () => void client.close({ drainMs: 0 }),
    };
  }
}
