import type { Member } from '@dcs/cluster-membership';
import { type PeerAuth, peerTarget } from '@dcs/protocol';
import { RespClient } from '@dcs/resp';
import type { PeerLink, PeerTransport } from '../../node/ports.js';

const CONNECT_TIMEOUT_MS = 500;
const RECONNECT = { minMs: 50, maxMs: 500 };
const MAX_IN_FLIGHT = 50_000;

/** Connections to other nodes over TCP: one each, opened when first used, kept, and opened again when lost. */
export class RespTransport implements PeerTransport {
  readonly #auth: PeerAuth;
  readonly #onDefect: ((thrown: unknown) => void) | undefined;

  /** @param onDefect told of an exception in a callback, which ends that link; without it, it is thrown */
  constructor(auth: PeerAuth, onDefect?: (thrown: unknown) => void) {
    this.#auth = auth;
    this.#onDefect = onDefect;
  }

  open(member: Member): PeerLink {
    const onDefect = this.#onDefect;
    const client: RespClient = new RespClient(
      { host: member.host, port: member.dataPort },
      {
        bulk: 'binary',
        handshake: this.#auth.handshake(peerTarget(member)),
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        reconnect: RECONNECT,
        maxInFlight: MAX_IN_FLIGHT,
        ...(onDefect === undefined
          ? {}
          : {
              onCallbackError: (thrown) => {
                onDefect(thrown);
                client.reset(new Error('a callback failed'));
              },
            }),
      },
    );
    return {
      send: (encoded, timeoutMs, callback) => client.send(encoded, callback, timeoutMs),
      reset: (cause) => client.reset(cause),
      close: () => void client.close({ drainMs: 0 }),
    };
  }
}
