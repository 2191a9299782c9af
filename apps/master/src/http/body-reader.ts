import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type FastifyRequest } from 'fastify';
import { type Buffers } from '../buffers/buffers.js';
import { Hold } from '../buffers/byte-budget.js';
import { GatewayError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the body holds of the budget; whoever handles the request releases it. */
    bodyHold: Hold | undefined;
  }
}

/**
 * How many bytes one byte of a body may become: the body itself, its text (two bytes a character), and what is sent to a
 * node, waiting to be sent.
 */
export const BODY_EXPANSION = 4;
/** The room a body starts with, and that of one whose length is not told. */
const FIRST_BYTES = 16_384;

/** A body that is not read to its end, whose sender may still be sending. */
export class BodyRefusedError extends GatewayError {}

type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Reads a body into one piece of memory that grows with what has come: an announcement costs nothing, and many small
 * chunks cost no more than one large. Refuses what is too large, or finds no room, before it reads any of it where the
 * length is told.
 */
export function bodyReader({ bodies, senders }: Buffers) {
  const overloaded = (): BodyRefusedError => {
    senders.cutOldest();
    return new BodyRefusedError('ERR_OVERLOADED', 'the bodies of other calls take all the room');
  };
  return (request: FastifyRequest, payload: IncomingMessage, done: Done): void => {
    const limit = request.routeOptions.bodyLimit;
    const length = request.headers['content-length'];
    const announced = length === undefined ? undefined : Number(length);
    if (announced !== undefined && announced > limit) return done(tooLarge(limit));
    const expected = (announced ?? FIRST_BYTES) * BODY_EXPANSION;
    if (!bodies.fits(expected)) return done(overloaded());
    const hold = new Hold(bodies);
    let buffer: Buffer = EMPTY;
    let received = 0;
    let settled = false;

    const settle = (error: Error | null, body?: Buffer) => {
      if (settled) return; // it may be itself the sender that is cut off for want of room
      settled = true;
      payload.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
      senders.done(sender);
      if (error) hold.release();
      else request.bodyHold = hold;
      buffer = EMPTY;
      done(error, body);
    };
    const sender = {
      cut: () =>
        settle(new BodyRefusedError('ERR_REQUEST_TIMEOUT', 'the body came too slowly while others had no room')),
    };
    const onData = (chunk: Buffer) => {
      if (chunk.length === announced) {
        buffer = chunk; // all of it, as of most bodies; Node gives every chunk memory of its own
        received = announced;
        return;
      }
      const needed = received + chunk.length;
      if (needed > limit) return settle(tooLarge(limit));
      if (needed > buffer.length) {
        const room = Math.min(announced ?? limit, Math.max(needed, 2 * buffer.length, FIRST_BYTES));
        if (!hold.resize(room + buffer.length)) return settle(overloaded()); // both are there while one is copied
        const larger = Buffer.allocUnsafeSlow(room);
        buffer.copy(larger, 0, 0, received);
        buffer = larger;
        hold.resize(room);
      }
      chunk.copy(buffer, received);
      senders.begin(sender);
      received = needed;
    };
    const onEnd = () => {
      if (!hold.resize(received * BODY_EXPANSION)) return settle(overloaded());
      settle(null, received === buffer.length ? buffer : buffer.subarray(0, received));
    };
    const onError = () => settle(new GatewayError('ERR_BAD_REQUEST', 'the body did not arrive'));
    payload.on('data', onData).on('end', onEnd).on('error', onError).on('close', onError);
    continueWith(payload);
  };
}

const EMPTY = Buffer.alloc(0);
const RESPONSE = Symbol('response');

interface ExpectingMessage extends IncomingMessage {
  [RESPONSE]?: ServerResponse;
}

/** Remembers whom to tell that the body of this request is wanted ("Expect: 100-continue"). */
export function expectContinue(request: IncomingMessage, response: ServerResponse): void {
  (request as ExpectingMessage)[RESPONSE] = response;
}

function continueWith(request: IncomingMessage): void {
  (request as ExpectingMessage)[RESPONSE]?.writeContinue();
}

function tooLarge(limit: number): BodyRefusedError {
  return new BodyRefusedError('ERR_VALUE_TOO_LARGE', `the body of this call is at most ${limit} bytes`);
}
