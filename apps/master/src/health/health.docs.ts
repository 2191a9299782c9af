import { applyDecorators } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { DocAnswer, objectSchema, type Schema } from '../http/openapi.js';

const EPOCH: Schema = { type: 'integer', minimum: 0, description: 'of the view this gateway routes by' };

export const DocHealth = () =>
  applyDecorators(
    ApiOperation({ summary: 'Is the process alive' }),
    DocAnswer(200, 'it is', objectSchema({ status: { type: 'string', enum: ['ok'] } })),
  );

export const DocReady = () =>
  applyDecorators(
    ApiOperation({ summary: 'Should this gateway get traffic' }),
    DocAnswer(200, 'it should', objectSchema({ status: { type: 'string', enum: ['ready'] }, epoch: EPOCH })),
    DocAnswer(
      503,
      'not now, and why',
      objectSchema({
        status: { type: 'string', enum: ['not ready'] },
        reason: { type: 'string', example: 'no cache node is up' },
        epoch: EPOCH,
      }),
    ),
  );
