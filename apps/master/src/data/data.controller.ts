import { Controller, Delete, Get, Head, Inject, Post, Put, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { GATEWAY, type Gateway } from '../gateway.js';
import { PLAIN_READ, Route } from '../http/access.js';
import { Connection } from '../http/connection.js';
import { type GatewayResponse } from '../http/gateway-response.js';
import { OPERATION_INDEX, outcomeOf } from '../metrics/request-metrics.js';
import { GatewayError } from '../errors.js';
import { BulkCalls } from './bulk-calls.js';
import { DocBulkDelete, DocBulkGet, DocBulkSet } from './bulk.docs.js';
import { DocDelete, DocGet, DocHead, DocIncrement, DocPut, DocSet, DocTouch } from './entry.docs.js';
import { EntryCalls } from './entry-calls.js';
import { ANSWERS_FULL, LargeAnswers } from './large-answers.js';
import { type Answer, problemReply, sendAnswer } from './reply.js';

type KeyRequest = FastifyRequest<{ Params: { key: string }; Querystring: Record<string, string | string[]> }>;

const EMPTY = Buffer.alloc(0);

/**
 * The data API. Declared as any Nest controller; called by Fastify itself (see direct-routes.ts), and answers on the raw
 * response.
 */
@ApiTags('data')
@Controller('data')
export class DataController {
  readonly #gateway: Gateway;
  readonly #entries: EntryCalls;
  readonly #bulk: BulkCalls;

  constructor(@Inject(GATEWAY) gateway: Gateway) {
    const { plane, config, time, buffers } = gateway;
    this.#gateway = gateway;
    this.#entries = new EntryCalls({
      plane,
      maxValueBytes: config.DCS_MAX_VALUE_BYTES,
      largeAnswers: new LargeAnswers(buffers),
      now: time.wall,
    });
    this.#bulk = new BulkCalls({
      plane,
      maxValueBytes: config.DCS_MAX_VALUE_BYTES,
      maxItems: config.DCS_BULK_MAX_ITEMS,
      maxBytes: config.DCS_BULK_MAX_BYTES,
      answers: buffers.answers,
      now: time.wall,
      afterTurn: time.afterTurn,
    });
  }

  @Post()
  @Route({ access: 'write', body: 'value', query: [], conditions: [], repeatable: true })
  @DocSet()
  set(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.set, request, reply, () => this.#entries.set(bodyOf(request)));
  }

  @Get(':key')
  @Route({ ...PLAIN_READ, access: 'read', conditions: ['if-none-match'] })
  @DocGet()
  get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.get, request, reply, () => this.#entries.get(keyOf(request), request.headers));
  }

  @Head(':key')
  @Route({ ...PLAIN_READ, access: 'read', conditions: ['if-none-match'] })
  @DocHead()
  head(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.head, request, reply, () => this.#entries.head(keyOf(request), request.headers));
  }

  @Put(':key')
  @Route({ access: 'write', body: 'raw', query: ['ttl'], conditions: ['if-match', 'if-none-match'], repeatable: true })
  @DocPut()
  put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.put, request, reply, () =>
      this.#entries.put(keyOf(request), bodyOf(request), request.headers, (request as KeyRequest).query),
    );
  }

  @Delete(':key')
  @Route({ access: 'write', body: 'none', query: [], conditions: ['if-match'], repeatable: true })
  @DocDelete()
  delete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.delete, request, reply, () => this.#entries.delete(keyOf(request), request.headers));
  }

  @Post(':key/incr')
  @Route({ access: 'write', body: 'small', query: [], conditions: [], repeatable: 'with-key' })
  @DocIncrement()
  increment(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.increment, request, reply, () =>
      this.#entries.increment(keyOf(request), bodyOf(request), request.headers),
    );
  }

  @Post(':key/touch')
  @Route({ access: 'write', body: 'small', query: [], conditions: [], repeatable: true })
  @DocTouch()
  touch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.touch, request, reply, () => this.#entries.touch(keyOf(request), bodyOf(request)));
  }

  @Post('bulk')
  @Route({ access: 'write', body: 'bulk', query: [], conditions: [], repeatable: true })
  @DocBulkSet()
  bulkSet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.bulk_set, request, reply, () => this.#bulk.set(bodyOf(request)));
  }

  @Post('bulk/get')
  @Route({ access: 'read', body: 'bulk', query: ['partial'], conditions: [], repeatable: true })
  @DocBulkGet()
  bulkGet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.bulk_get, request, reply, () =>
      this.#bulk.get(bodyOf(request), (request as KeyRequest).query),
    );
  }

  @Post('bulk/delete')
  @Route({ access: 'write', body: 'bulk', query: [], conditions: [], repeatable: true })
  @DocBulkDelete()
  bulkDelete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#serve(OPERATION_INDEX.bulk_delete, request, reply, () => this.#bulk.delete(bodyOf(request)));
  }

  #serve(operation: number, request: FastifyRequest, reply: FastifyReply, call: () => Promise<Answer>): void {
    const { metrics, config, time, buffers } = this.#gateway;
    const startedAt = time.now();
    const finish = (found: Answer) => {
      request.bodyHold?.release();
      const answer = this.#hold(found, request, reply);
      metrics.inFlight--;
      metrics.record(operation, outcomeOf(answer.status), time.now() - startedAt);
      try {
        sendAnswer(reply.raw, answer, request.method === 'HEAD', this.#gateway.draining);
      } catch (error) {
        this.#gateway.reportDefect(error); // a header that cannot be sent
        reply.raw.destroy();
      }
    };
    const failed = (error: unknown) => {
      const answer = problemReply(error);
      if (answer.status === 500) this.#gateway.reportDefect(error);
      finish(answer);
    };
    if (++metrics.inFlight > config.DCS_MAX_IN_FLIGHT) {
      return failed(new GatewayError('ERR_OVERLOADED', 'the gateway serves as many requests as it can'));
    }
    if (!buffers.answers.fits(1)) return failed(new GatewayError('ERR_OVERLOADED', ANSWERS_FULL));
    try {
      call().then(finish, failed);
    } catch (error) {
      failed(error); // what was read from the request before the call began
    }
  }

  /** The answer holds its bytes until it is read; where there is no room for it, another one that says so. */
  #hold(answer: Answer, request: FastifyRequest, reply: FastifyReply): Answer {
    const connection = Connection.of(request.raw.socket, this.#gateway.buffers);
    if (connection.hold(reply.raw as GatewayResponse, answer.body.length, answer.release)) return answer;
    return problemReply(new GatewayError('ERR_OVERLOADED', ANSWERS_FULL));
  }
}

function keyOf(request: FastifyRequest): string {
  return (request as KeyRequest).params.key;
}

function bodyOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : EMPTY;
}
