import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiResponseOptions, type ApiResponseSchemaHost } from '@nestjs/swagger';
import { type ProblemCode, PROBLEMS } from '../errors.js';

export type Schema = Exclude<ApiResponseSchemaHost['schema'], { readonly $ref: string }>;

export const KEY_SCHEMA: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: 512,
  description: '1 to 512 bytes of UTF-8, any character',
  example: 'user:1',
};
export const VERSION_SCHEMA: Schema = {
  type: 'string',
  pattern: '^[0-9a-f]{24}$',
  description: 'grows with every write of the key; the entity tag without its quotes',
  example: '0190a1b2c3d400005f3e1a2b',
};
export const TTL_SCHEMA: Schema = {
  type: 'number',
  nullable: true,
  minimum: 0,
  description: 'seconds; fractions allowed; 0 or null: no expiry',
  example: 60,
};
/** Any JSON value: a schema without a type. */
export const ANY_SCHEMA: Schema = { description: 'any JSON value', example: 'apple' };

export const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', example: 'about:blank' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'for people' },
    code: { type: 'string', enum: Object.keys(PROBLEMS), description: 'for programs' },
  },
};

export function objectSchema(properties: Readonly<Record<string, Schema>>, required = Object.keys(properties)): Schema {
  return { type: 'object', properties, required };
}

/** A JSON answer. */
export function DocAnswer(status: number, description: string, schema: Schema, example?: unknown) {
  return ApiResponse({
    status,
    description,
    content: { 'application/json': example === undefined ? { schema } : { schema, example } },
  } as ApiResponseOptions);
}

/** The problems a call can answer, one response per status. */
export function DocProblems(...codes: readonly ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, ofStatus]) => {
      const [first] = ofStatus;
      const { title } = PROBLEMS[first!];
      return ApiResponse({
        status,
        description: ofStatus.join(', '),
        content: {
          'application/problem+json': {
            schema: PROBLEM_SCHEMA,
            example: { type: 'about:blank', title, status, detail: '...', code: first },
          },
        },
      } as ApiResponseOptions);
    }),
  );
}

/** What any call that needs a token and the aux can answer. */
export const COMMON_PROBLEMS: readonly ProblemCode[] = [
  'ERR_UNAUTHORIZED',
  'ERR_FORBIDDEN',
  'ERR_UNKNOWN_HOST',
  'ERR_UNAVAILABLE',
  'ERR_RECOVERING',
  'ERR_OVERLOADED',
];
