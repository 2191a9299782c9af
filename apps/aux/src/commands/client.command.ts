import { Reply } from '@dcs/resp';
import { INVALID_CLIENT_NAME, isClientName } from './client-name.js';
import { NO_KEYS, type Command } from './command.js';
import { SYNTAX_ERROR, unknownSubcommand, wrongArity } from './errors.js';
import type { ClientInfo, Session } from './session.js';

export const client = {
  name: 'CLIENT',
  arity: -2,
  access: 'read',
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  summary: 'SETNAME, GETNAME, SETINFO, ID, INFO and LIST of connections',
  run(session) {
    const { request, context } = session;
    const subcommand = request.upper(1);
    switch (subcommand) {
      case 'SETNAME':
        return request.argc === 3 ? setName(session, request.binary(2)) : wrongArity('client|setname');
      case 'GETNAME':
        if (request.argc !== 2) return wrongArity('client|getname');
        return session.name === '' ? Reply.nil(session.protocol) : Reply.bulk(session.name);
      case 'SETINFO':
        return request.argc === 4 ? setInfo(session) : wrongArity('client|setinfo');
      case 'ID':
        return request.argc === 2 ? Reply.integer(session.id) : wrongArity('client|id');
      case 'INFO':
        if (request.argc !== 2) return wrongArity('client|info');
        return describe(
          context.clients().filter(({ id }) => id === session.id),
          session,
        );
      case 'LIST':
        return request.argc === 2 ? describe(context.clients(), session) : SYNTAX_ERROR;
      default:
        return unknownSubcommand('CLIENT', request.binary(1));
    }
  },
} as const satisfies Command;

function setName(session: Session, name: string): string {
  if (!isClientName(name)) return INVALID_CLIENT_NAME;
  session.name = name;
  return Reply.OK;
}

function setInfo(session: Session): string {
  const { request } = session;
  const attribute = request.upper(2);
  const value = request.binary(3);
  if (attribute !== 'LIB-NAME' && attribute !== 'LIB-VER') {
    return Reply.error(`ERR Unrecognized option '${request.binary(2).slice(0, 128)}'`);
  }
  if (!isClientName(value)) {
    return Reply.error(`ERR ${attribute.toLowerCase()} cannot contain spaces, newlines or special characters.`);
  }
  if (attribute === 'LIB-NAME') session.libName = value;
  else session.libVersion = value;
  return Reply.OK;
}

function describe(clients: readonly ClientInfo[], { protocol }: Session): string {
  const lines = clients.map(
    (info) =>
      `id=${info.id} addr=${info.address} name=${info.name} age=${info.ageSeconds} db=0 resp=${info.protocol}\n`,
  );
  return Reply.verbatim(lines.join(''), protocol);
}
