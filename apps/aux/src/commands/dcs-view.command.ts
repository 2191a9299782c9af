import { Reply } from '@dcs/resp';
import { type Command, NO_KEYS } from './command.js';
import { integerArgument } from './peer-arguments.js';

export const dcsView = {
  name: 'DCS.VIEW',
  arity: 2,
  access: 'peer',
  flags: ['readonly', 'stale', 'loading'],
  keys: NO_KEYS,
  summary: 'DCS.VIEW <epoch>: the view of this node as JSON, or nil where it is no newer than <epoch>',
  run: ({ request, node }) => {
    const { view } = node.ownership;
    if (view.epoch <= integerArgument(request, 1, 'epoch', 0)) return Reply.nil(2);
    return Reply.bulkUtf8(JSON.stringify(view));
  },
} as const satisfies Command;
