import { DECODER_DEFAULTS } from './decoder.js';
import { RespOptionError } from './errors.js';
import { integerOption } from './options.js';
import type { BulkKind, RespValue } from './value.js';

/** Where the server listens. */
export type RespAddress =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined };

/**
 * A handshake in which a command depends on replies before it: a generator that yields one command at a time and gets
 * its reply. The connection is up when it returns; what it throws fails the attempt.
 */
export type Handshake = Iterator<readonly string[], void, RespValue>;

export interface RespClientOptions {
  /** What bulk strings of replies become. @defaultValue 'utf8' */
  readonly bulk?: BulkKind;
  /** For the connection and the handshake together. @defaultValue 1000 */
  readonly connectTimeoutMs?: number;
  /** For a reply, from the call on; checked every 20 ms or less. @defaultValue 1000 */
  readonly requestTimeoutMs?: number;
  /** How long a timed-out reply may stay away, with nothing else received, before the connection is given up. @defaultValue 1000 */
  readonly stallTimeoutMs?: number;
  /** Most requests that wait for a reply, those that timed out included. @defaultValue 10_000 */
  readonly maxInFlight?: number;
  /** Most bytes accepted that the kernel has not taken. @defaultValue 64 MiB */
  readonly maxPendingBytes?: number;
  /** Largest bulk string of a reply, in bytes. @defaultValue 512 MiB */
  readonly maxBulkBytes?: number;
  /** Jittered exponential back-off between attempts; false: connect again only when a request asks. @defaultValue 50 and 2000 */
  readonly reconnect?: { readonly minMs?: number; readonly maxMs?: number } | false;
  /**
   * What goes first on every connection: commands, sent together, or a function that makes a {@link Handshake} for each
   * connection. An error reply fails the attempt. @defaultValue none
   */
  readonly handshake?: readonly (readonly string[])[] | (() => Handshake);
  /** Idle time before TCP keep-alive probes; 0 switches them off. @defaultValue 0 */
  readonly keepAliveMs?: number;
  /** Uniform in [0, 1), for jitter. @defaultValue Math.random */
  readonly random?: () => number;
  /** A monotonic clock in milliseconds. @defaultValue performance.now */
  readonly now?: () => number;
  /** RESP3 push messages. */
  readonly onPush?: (items: RespValue[]) => void;
  /** The connection is up and the handshake done. */
  readonly onReady?: () => void;
  /** A connection was lost or an attempt failed. Not called for `close()`. */
  readonly onDown?: (error: Error) => void;
  /** A callback of yours threw. @defaultValue throws it again on its own, as an uncaught exception */
  readonly onCallbackError?: (error: unknown) => void;
}

/** The options with defaults in, checked. */
export interface ClientSettings {
  readonly address: RespAddress;
  readonly bulk: BulkKind;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly maxInFlight: number;
  readonly maxPendingBytes: number;
  readonly maxBulkBytes: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number } | undefined;
  readonly handshake: readonly (readonly string[])[] | (() => Handshake);
  readonly keepAliveMs: number;
  readonly random: () => number;
  readonly now: () => number;
}

const MIB = 2 ** 20;
const MAX_MS = 2 ** 31 - 1;
/** A batch is one string, and V8 has a longest string. */
const MAX_PENDING_BYTES = 256 * MIB;

/** @throws {RespOptionError} */
export function clientSettings(address: RespAddress, options: RespClientOptions): ClientSettings {
  if (address.path === undefined) {
    if (typeof address.host !== 'string' || address.host === '') {
      throw new RespOptionError('host', address.host, 'a host name or an IP address (or give a path)');
    }
    integerOption('port', address.port, 0, 1, 65_535);
  }
  const ms = (name: string, value: number | undefined, fallback: number, min = 1) =>
    integerOption(name, value, fallback, min, MAX_MS);
  const { reconnect = {} } = options;
  const minMs = reconnect ? ms('reconnect.minMs', reconnect.minMs, 50) : 0;
  return {
    address,
    bulk: options.bulk ?? DECODER_DEFAULTS.bulk,
    connectTimeoutMs: ms('connectTimeoutMs', options.connectTimeoutMs, 1000),
    requestTimeoutMs: ms('requestTimeoutMs', options.requestTimeoutMs, 1000),
    stallTimeoutMs: ms('stallTimeoutMs', options.stallTimeoutMs, 1000),
    maxInFlight: integerOption('maxInFlight', options.maxInFlight, 10_000, 1, 2 ** 24),
    maxPendingBytes: integerOption('maxPendingBytes', options.maxPendingBytes, 64 * MIB, 1, MAX_PENDING_BYTES),
    maxBulkBytes: options.maxBulkBytes ?? DECODER_DEFAULTS.maxBulkBytes,
    backoff: reconnect
      ? { minMs, maxMs: ms('reconnect.maxMs', reconnect.maxMs, Math.max(2000, minMs), minMs) }
      : undefined,
    handshake: options.handshake ?? [],
    keepAliveMs: ms('keepAliveMs', options.keepAliveMs, 0, 0),
    random: options.random ?? Math.random,
    now: options.now ?? (() => performance.now()),
  };
}
