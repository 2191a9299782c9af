import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { SYNTAX_ERROR } from './errors.js';

export const flushall = {
  name: 'FLUSHALL',
  arity: -1,
  access: 'admin',
  flags: ['write', 'admin'],
  keys: NO_KEYS,
  summary: 'Drops all that this node holds, and refuses to take it back',
  run({ request, node }) {
    const { argc } = request;
    const mode = argc === 2 ? request.upper(1) : 'SYNC';
    if (argc > 2 || (mode !== 'SYNC' && mode !== 'ASYNC')) return SYNTAX_ERROR;
    node.store.flush(node.clock.next());
    return Reply.OK;
  },
} as const satisfies Command;
