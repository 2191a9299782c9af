import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiParam } from '@nestjs/swagger';
import { DocAnswer, DocProblems, KEY_SCHEMA, objectSchema, type Schema } from '../http/openapi.js';

const COUNT: Schema = { type: 'integer', minimum: 0 };
const ID: Schema = { type: 'string', example: 'aux-1' };

const STATS = objectSchema(
  {
    epoch: { ...COUNT, description: "of the node's own view" },
    entries: COUNT,
    bytes: COUNT,
    maxEntries: COUNT,
    maxBytes: COUNT,
    hitRatio: { type: 'number', minimum: 0, maximum: 1, nullable: true },
    handoff: objectSchema({ slotsToGo: COUNT, bytesReceived: COUNT }),
    fenced: { type: 'boolean', description: 'it answers no client: it may have been expelled; left out otherwise' },
    backup: {
      ...objectSchema({
        lastSuccessAt: { ...COUNT, nullable: true, description: 'ms since the Unix epoch; null before the first' },
        entries: { ...COUNT, description: 'in the last backup' },
        bytes: { ...COUNT, description: 'of its file' },
        failures: { ...COUNT, description: 'since the node started' },
      }),
      description: 'left out when the node has no backup directory',
    },
  },
  ['epoch', 'entries', 'bytes', 'maxEntries', 'maxBytes', 'hitRatio', 'handoff'],
);

const SETTINGS = objectSchema({
  replicas: { ...COUNT, description: 'DCS_REPLICAS of the node; the highest of the nodes that are up is in force' },
  placement: { ...COUNT, description: 'version of the rule that makes owners from members' },
  protocol: objectSchema({ min: COUNT, max: COUNT }),
});

const NODE = objectSchema(
  {
    id: ID,
    address: { type: 'string', example: '127.0.0.1:7101' },
    state: { type: 'string', enum: ['joining', 'up', 'leaving'] },
    incarnation: COUNT,
    weight: { type: 'number' },
    zone: { type: 'string' },
    slots: objectSchema({ primary: COUNT, replica: COUNT }),
    cutOff: { type: 'boolean', description: 'the registry has not heard it for a while; left out otherwise' },
    settings: { ...SETTINGS, description: 'what the node states that all must agree on' },
    reachable: { type: 'boolean', description: 'whether the node answered this gateway' },
    stats: { ...STATS, description: 'left out when the node did not answer' },
  },
  ['id', 'address', 'state', 'incarnation', 'weight', 'zone', 'slots', 'reachable'],
);

export const DocCluster = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'The view of the cluster and its nodes' }),
    DocAnswer(
      200,
      'as this gateway sees it',
      objectSchema({ epoch: COUNT, replicas: COUNT, nodes: { type: 'array', items: NODE } }),
    ),
    DocProblems('ERR_UNAUTHORIZED', 'ERR_FORBIDDEN'),
  );

export const DocLocate = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Where a key is kept, whether it is there or not' }),
    ApiParam({ name: 'key', schema: KEY_SCHEMA }),
    DocAnswer(
      200,
      'its slot and the owners of that, primary first',
      objectSchema({
        key: KEY_SCHEMA,
        slot: { ...COUNT, maximum: 16_383 },
        owners: { type: 'array', items: ID },
      }),
    ),
    DocProblems('ERR_KEY_INVALID', 'ERR_UNAUTHORIZED', 'ERR_FORBIDDEN'),
  );

export const DocBackup = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({
      summary: 'Back up the whole cluster now',
      description:
        'Needs the role admin. Every node that is up writes what it is primary of; `GET /cluster` tells when it is done. ' +
        'A 503 names in `failed` the nodes that could not be asked, each with a code; those in `asked` write all the same.',
    }),
    DocAnswer(202, 'the nodes begin', objectSchema({ nodes: { type: 'array', items: ID } })),
    DocProblems('ERR_UNAUTHORIZED', 'ERR_FORBIDDEN', 'ERR_UNAVAILABLE', 'ERR_NO_BACKUP_DIRECTORY'),
  );

export const DocDrain = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary: 'Let a node leave the cluster gracefully', description: 'Needs the role admin.' }),
    ApiParam({ name: 'id', schema: ID }),
    DocAnswer(202, 'the node begins to leave', objectSchema({ id: ID, draining: { type: 'boolean', enum: [true] } })),
    DocProblems('ERR_NOT_FOUND', 'ERR_UNAUTHORIZED', 'ERR_FORBIDDEN', 'ERR_UNAVAILABLE'),
  );
