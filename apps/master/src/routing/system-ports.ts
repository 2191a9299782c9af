import { type Member } from '@dcs/cluster-membership';
import { helloCommand } from '@dcs/protocol';
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
  /** This gateway's id. */
  readonly id: string;
  readonly secret: string | undefined;
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  /** How long a closing connection waits for what is in flight, ms. */
  readonly drainMs: number;
  /** A connection was lost or could not be made. */
  readonly onDown: (member: Member, error: Error) => void;
}

/** A node that is a member is tried again soon: within this, ms. */
const RECONNECT_MAX_MS = 500;
const KEEP_ALIVE_MS = 15_000;

/** Opens one pipelined RESP connection per member. */
export function respConnector(options: ConnectorOptions): Connect {
  const { id, secret, maxInFlight, requestTimeoutMs, drainMs, onDown } = options;
  const handshake = [...(secret === undefined ? [] : [['AUTH', secret]]), helloCommand('master', id)];
  return (member): NodeConnection => {
    const client = new RespClient(
      { host: member.host, port: member.dataPort },
      {
        bulk: 'binary',
        handshake,
        maxInFlight,
        connectTimeoutMs: requestTimeoutMs,
        requestTimeoutMs,
        stallTimeoutMs: requestTimeoutMs,
        keepAliveMs: KEEP_ALIVE_MS,
        reconnect: { maxMs: RECONNECT_MAX_MS },
        onDown: (error) => onDown(member, error),
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
      close: () => client.close({ drainMs }),
    };
  };
}
