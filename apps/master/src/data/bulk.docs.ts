import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import {
  ANY_SCHEMA,
  COMMON_PROBLEMS,
  DocAnswer,
  DocProblems,
  KEY_SCHEMA,
  objectSchema,
  type Schema,
  TTL_SCHEMA,
} from '../http/openapi.js';

const COUNT: Schema = { type: 'integer', minimum: 0 };
const FAILED: Schema = {
  type: 'array',
  items: objectSchema({ key: KEY_SCHEMA, code: { type: 'string', example: 'ERR_UNAVAILABLE' } }),
};
const KEYS: Schema = { type: 'array', items: KEY_SCHEMA };

const BULK_PROBLEMS = ['ERR_BAD_REQUEST', 'ERR_KEY_INVALID', 'ERR_VALUE_TOO_LARGE', 'ERR_UNSUPPORTED_MEDIA_TYPE', ...COMMON_PROBLEMS] as const; // prettier-ignore

export const DocBulkSet = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({
      summary: 'Store many values',
      description: 'Checked as a whole first. Of items with the same key the last one wins.',
    }),
    ApiBody({
      schema: {
        type: 'array',
        items: objectSchema({ key: KEY_SCHEMA, value: ANY_SCHEMA, ttl: TTL_SCHEMA }, ['key', 'value']),
      },
      examples: { fruit: { value: [{ key: 'a', value: 'apple' }, { key: 'b', value: { colour: 'yellow' }, ttl: 60 }] } }, // prettier-ignore
    }),
    DocAnswer(200, 'all stored', objectSchema({ stored: COUNT })),
    DocAnswer(207, 'some stored', objectSchema({ stored: COUNT, failed: FAILED })),
    DocProblems('ERR_TTL_INVALID', ...BULK_PROBLEMS),
  );

export const DocBulkGet = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({
      summary: 'Read many values',
      description:
        'Keys without an entry are left out. Bytes that are no UTF-8 come as {"encoding":"base64","value":...}. ' +
        'When a key cannot be read the whole call answers 503, unless partial=true.',
    }),
    ApiQuery({ name: 'partial', required: false, schema: { type: 'boolean', default: false } }),
    ApiBody({ schema: KEYS, examples: { two: { value: ['a', 'b'] } } }),
    ApiResponse({
      status: 200,
      description: 'what there is; with partial=true X-DCS-Unavailable counts the keys that could not be read',
      headers: {
        'X-DCS-Unavailable': { schema: COUNT, description: 'keys that could not be read' },
        'X-DCS-Unavailable-Keys': { schema: { type: 'string' }, description: 'which, percent-encoded; as many as fit' },
      },
      content: {
        'application/json': {
          schema: { type: 'object', additionalProperties: ANY_SCHEMA },
          example: { a: 'apple', b: { colour: 'yellow' } },
        },
      },
    }),
    DocProblems(...BULK_PROBLEMS),
  );

export const DocBulkDelete = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Delete many entries' }),
    ApiBody({ schema: KEYS, examples: { two: { value: ['a', 'b'] } } }),
    DocAnswer(200, 'done', objectSchema({ deleted: COUNT })),
    DocAnswer(207, 'some keys could not be reached', objectSchema({ deleted: COUNT, failed: FAILED })),
    DocProblems(...BULK_PROBLEMS),
  );
