import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiHeader, ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger'; // prettier-ignore
import {
  ANY_SCHEMA,
  COMMON_PROBLEMS,
  DocAnswer,
  DocProblems,
  KEY_SCHEMA,
  objectSchema,
  TTL_SCHEMA,
  VERSION_SCHEMA,
} from '../http/openapi.js';

const WRITTEN = objectSchema({ key: KEY_SCHEMA, version: VERSION_SCHEMA });
const ENVELOPE = objectSchema(
  {
    key: KEY_SCHEMA,
    value: ANY_SCHEMA,
    encoding: { type: 'string', enum: ['base64'], description: 'there when the bytes are no UTF-8' },
    ttl: { ...TTL_SCHEMA, description: 'seconds left; there when the entry expires' },
    version: VERSION_SCHEMA,
  },
  ['key', 'value', 'version'],
);
const INTEGER = { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

const KeyParam = () =>
  ApiParam({ name: 'key', schema: KEY_SCHEMA, description: 'percent-encoded; it is decoded exactly once' });
const ConditionHeader = (name: string, description: string) => ApiHeader({ name, description, required: false });

export const DocSet = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Store a JSON value' }),
    ApiBody({
      schema: objectSchema({ key: KEY_SCHEMA, value: ANY_SCHEMA, ttl: TTL_SCHEMA }, ['key', 'value']),
      examples: {
        text: { value: { key: 'user:1', value: 'apple' } },
        expiring: { value: { key: 'session:9', value: { user: 1 }, ttl: 60 } },
      },
    }),
    DocAnswer(200, 'stored', WRITTEN),
    DocProblems('ERR_BAD_REQUEST', 'ERR_KEY_INVALID', 'ERR_TTL_INVALID', 'ERR_VALUE_TOO_LARGE', 'ERR_UNSUPPORTED_MEDIA_TYPE', ...COMMON_PROBLEMS), // prettier-ignore
  );

export const DocGet = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({
      summary: 'Read an entry',
      description:
        'As JSON, or, when Accept asks for something else, as its bytes with the stored content type. ' +
        'application/octet-stream is always accepted.',
    }),
    KeyParam(),
    ConditionHeader('If-None-Match', 'entity tags or *: 304 when the entry has one of them'),
    ApiResponse({
      status: 200,
      description: 'the entry; ETag is its version in quotes',
      content: {
        'application/json': { schema: ENVELOPE },
        '*/*': { schema: { type: 'string', format: 'binary' } },
      },
    }),
    ApiResponse({ status: 304, description: 'the entry is the one that If-None-Match names' }),
    DocProblems('ERR_KEY_INVALID', 'ERR_BAD_REQUEST', 'ERR_NOT_FOUND', 'ERR_NOT_ACCEPTABLE', ...COMMON_PROBLEMS),
  );

export const DocHead = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Is there an entry' }),
    KeyParam(),
    ConditionHeader('If-None-Match', 'entity tags or *: 304 when the entry has one of them'),
    ApiResponse({ status: 200, description: 'there is; ETag is its version in quotes' }),
    ApiResponse({ status: 304, description: 'the entry is the one that If-None-Match names' }),
    DocProblems('ERR_KEY_INVALID', 'ERR_NOT_FOUND', ...COMMON_PROBLEMS),
  );

export const DocPut = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Store a body as it is, with its content type' }),
    KeyParam(),
    ApiQuery({ name: 'ttl', required: false, schema: TTL_SCHEMA }),
    ConditionHeader('If-Match', 'a version in quotes, or *: only if the entry is there and has it'),
    ConditionHeader('If-None-Match', '*: only if there is no entry'),
    ApiConsumes('*/*'),
    ApiBody({ schema: { type: 'string', format: 'binary' } }),
    DocAnswer(200, 'stored; ETag is the new version', WRITTEN),
    DocAnswer(201, 'stored; there was no entry', WRITTEN),
    DocProblems('ERR_BAD_REQUEST', 'ERR_KEY_INVALID', 'ERR_TTL_INVALID', 'ERR_PRECONDITION_FAILED', 'ERR_VALUE_TOO_LARGE', ...COMMON_PROBLEMS), // prettier-ignore
  );

export const DocDelete = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Delete an entry' }),
    KeyParam(),
    ConditionHeader('If-Match', 'a version in quotes, or *: only if the entry has it'),
    DocAnswer(200, 'deleted', objectSchema({ deleted: { type: 'boolean', enum: [true] } })),
    DocProblems('ERR_KEY_INVALID', 'ERR_NOT_FOUND', 'ERR_PRECONDITION_FAILED', ...COMMON_PROBLEMS),
  );

export const DocIncrement = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({
      summary: 'Add to a counter',
      description: 'Atomic; both the counter and the sum are safe integers.',
    }),
    KeyParam(),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description:
        'repeats of the same request with the same key answer what the first one did, through any gateway; another request with it is refused',
    }),
    ApiBody({
      required: false,
      schema: objectSchema(
        {
          by: { ...INTEGER, default: 1 },
          initial: { ...INTEGER, default: 0, description: 'what an absent counter counts from' },
          ttl: { ...TTL_SCHEMA, description: 'seconds; only for a counter that this call creates' },
        },
        [],
      ),
    }),
    DocAnswer(200, 'added', objectSchema({ key: KEY_SCHEMA, value: INTEGER, version: VERSION_SCHEMA })),
    DocProblems('ERR_BAD_REQUEST', 'ERR_KEY_INVALID', 'ERR_TTL_INVALID', 'ERR_NOT_A_NUMBER', 'ERR_UNSUPPORTED_MEDIA_TYPE', 'ERR_IDEMPOTENCY_KEY_REUSED', ...COMMON_PROBLEMS), // prettier-ignore
  );

export const DocTouch = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Give an entry a new expiry' }),
    KeyParam(),
    ApiBody({ schema: objectSchema({ ttl: TTL_SCHEMA }) }),
    DocAnswer(200, 'done', WRITTEN),
    DocProblems('ERR_BAD_REQUEST', 'ERR_KEY_INVALID', 'ERR_TTL_INVALID', 'ERR_NOT_FOUND', 'ERR_UNSUPPORTED_MEDIA_TYPE', ...COMMON_PROBLEMS), // prettier-ignore
  );
