import { Reply, type RespVersion } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { SYNTAX_ERROR, unknownSubcommand } from './errors.js';
import type { Session } from './session.js';

export const command = {
  name: 'COMMAND',
  arity: -1,
  access: 'read',
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  summary: 'The commands of this node: COUNT, LIST, INFO and DOCS',
  run(session) {
    const { request, context, protocol } = session;
    const all = [...context.commands.values()];
    if (request.argc === 1) return Reply.arrayHeader(all.length) + all.map((c) => describe(c, protocol)).join('');
    switch (request.upper(1)) {
      case 'COUNT':
        return Reply.integer(all.length);
      case 'LIST':
        if (request.argc !== 2) return SYNTAX_ERROR;
        return Reply.arrayHeader(all.length) + all.map(({ name }) => Reply.bulk(name.toLowerCase())).join('');
      case 'INFO': {
        const named = namedIn(session) ?? all;
        return (
          Reply.arrayHeader(named.length) +
          named.map((c) => (c === undefined ? Reply.nullArray(protocol) : describe(c, protocol))).join('')
        );
      }
      case 'DOCS': {
        const named = (namedIn(session) ?? all).filter((c) => c !== undefined);
        return Reply.mapHeader(named.length, protocol) + named.map((c) => document(c, protocol)).join('');
      }
      default:
        return unknownSubcommand('COMMAND', request.binary(1));
    }
  },
} as const satisfies Command;

/** The commands that the request names, in its order; `undefined` for none named, and for a name unknown. */
function namedIn({ request, context }: Session): (Command | undefined)[] | undefined {
  if (request.argc === 2) return undefined;
  return Array.from({ length: request.argc - 2 }, (_, i) => context.commands.get(request.upper(i + 2)));
}

function describe({ name, arity, access, flags, keys }: Command, protocol: RespVersion): string {
  const { simple, integer } = Reply;
  const shown = access === 'open' ? [...flags, 'no_auth'] : flags;
  const categories = categoriesOf(flags);
  const setOf = (items: readonly string[]) => Reply.setHeader(items.length, protocol) + items.map(simple).join('');
  return (
    Reply.arrayHeader(10) +
    Reply.bulk(name.toLowerCase()) +
    integer(arity) +
    setOf(shown) +
    (integer(keys.first) + integer(keys.last) + integer(keys.step) + setOf(categories)) +
    (Reply.arrayHeader(0) + Reply.arrayHeader(0) + Reply.arrayHeader(0))
  );
}

function categoriesOf(flags: Command['flags']): string[] {
  const categories: string[] = [];
  if (flags.includes('write')) categories.push('@write');
  if (flags.includes('readonly')) categories.push('@read');
  if (flags.includes('admin')) categories.push('@admin');
  categories.push(flags.includes('fast') ? '@fast' : '@slow');
  return categories;
}

function document({ name, summary, keys }: Command, protocol: RespVersion): string {
  const { bulk } = Reply;
  const group = keys.first > 0 ? 'string' : 'server';
  return (
    bulk(name.toLowerCase()) +
    Reply.mapHeader(2, protocol) +
    (bulk('summary') + Reply.bulkUtf8(summary) + bulk('group') + bulk(group))
  );
}
