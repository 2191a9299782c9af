import { type Member } from '@dcs/cluster-membership';
import { type PeerAuth, peerTarget } from '@dcs/protocol';
import { RespClient } from '@dcs/resp';
import { type Connect, type NodeConnection, type Random, type Time } from './ports.js';

/** The process's own clock and timers. A connection writes what was sent in a turn with `setImmediate`, as this does. */
export const systemTime: Time = {
  wall: Date.now,
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  afterTurn: (callback) => void setImmediate(callback),
};

export const systemRandom: Random = Math.random;

export interface ConnectorOptions {
  /** How this gateway and the nodes make sure of each other. */
  readonly auth: PeerAuth;
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  /** How long a closing connection waits for what is in flight, ms. */
  readonly drainMs: number;
  /** A connection was lost or could not be made. */
  readonly onDown: (member: Member, error: Error) => void;
  /** Told of an exception in a callback; its link is closed, and opened again. */
  readonly onDefect: (error: unknown) => void;
}

/** A node that is a member is tried again soon: within this, ms. */
const RECONNECT_MAX_MS = 500;
const KEEP_ALIVE_MS = 15_000;

/** Opens one pipelined RESP connection per member. */
export function respConnector(options: ConnectorOptions): Connect {
  const { auth, maxInFlight, requestTimeoutMs, drainMs, onDown, onDefect } = options;
  return (member): NodeConnection => {
    const client: RespClient = new RespClient(
      { host: member.host, port: member.dataPort },
      {
        bulk: 'binary',
        handshake: auth.handshake(peerTarget(member)),
        maxInFlight,
        connectTimeoutMs: requestTimeoutMs,
        requestTimeoutMs,
        stallTimeoutMs: requestTimeoutMs,
        keepAliveMs: KEEP_ALIVE_MS,
        reconnect: { maxMs: RECONNECT_MAX_MS },
        onDown: (error) => onDown(member, error),
        onCallbackError: (error) => {
          onDefect(error);
          client.reset(new Error('a callback failed'));
        },
      },
    );
    // The first attempt is made now, not with the first request; its failure is told by onDown.
    client.connect().catch(() => undefined);
    return {
      get connected() {
        return client.state === 'ready';
      },
      get inFlight() {
        return client.inFlight;
      },
      send: (command, callback, timeoutMs) => client.send(command, callback, timeoutMs),
      reset: (cause) => client.reset(cause),
      close: () => client.close({ drainMs }),
    };
  };
}
