import { BLOCKED_ERROR } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import type { Refusal } from '../node/writer.js';

/** Error replies with Redis's texts. */
export const SYNTAX_ERROR = Reply.error('ERR syntax error');
export const NOT_AN_INTEGER = Reply.error('ERR value is not an integer or out of range');
export const NO_AUTH = Reply.error('NOAUTH Authentication required.');
export const WRONG_PASSWORD = Reply.error('WRONGPASS invalid username-password pair or user is disabled.');
export const CROSS_SLOT = Reply.error("CROSSSLOT Keys in request don't hash to the same slot");
export const CLUSTER_DOWN = Reply.error('CLUSTERDOWN The cluster is down: this node is not in a view yet');
export const CLUSTER_EMPTY = Reply.error('CLUSTERDOWN Hash slot not served');
export const UNDURABLE = Reply.error('CLUSTERDOWN the write could not be written to the disk of this node');
/** Not known yet, but soon. */
export const LOADING = Reply.error('LOADING the slot is still being imported, and none of its sources answers');
export const FENCED = Reply.error(
  'LOADING this node has lost the cluster, and waits to hear that it still belongs to it',
);
export const FENCED_WHILE_COPYING = Reply.error('CLUSTERDOWN this node lost the cluster while the write was copied');
/** Known to wait. */
export const BLOCKED = Reply.error(BLOCKED_ERROR);
export const COPY_FAILED = Reply.error('CLUSTERDOWN the write could not be copied to another node in time');
/** Not MOVED: the write is stored here, and may be found by the new owners. */
export const OWNERS_CHANGED = Reply.error('CLUSTERDOWN the owners of the slot changed while the write was copied');
export const PRIMARY_SILENT = Reply.error('TRYAGAIN the primary is silent, and may still act');
export const COPIES_UNDER_WAY = Reply.error('TRYAGAIN the write is done here, and still being copied to another node');
export const BEHIND = Reply.error('TRYAGAIN the replica may lack writes that its primary has acknowledged');
export const INVALID_CURSOR = Reply.error('ERR invalid cursor');
export const PEER_ONLY = Reply.error('ERR this command is for parts of the cache: send DCS.HELLO first');

export function noPermission(user: string, name: string): string {
  return Reply.error(`NOPERM User ${user} has no permissions to run the '${name.toLowerCase()}' command`);
}

export function wrongArity(name: string): string {
  return Reply.error(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}

export function invalidExpire(name: string): string {
  return Reply.error(`ERR invalid expire time in '${name.toLowerCase()}' command`);
}

export function unknownSubcommand(name: string, subcommand: string): string {
  return Reply.error(`ERR unknown subcommand '${subcommand.slice(0, 128)}'. Try ${name} HELP.`);
}

/** A refused write, to a Redis client: every code but Redis's own becomes ERR. */
export function refusalReply({ refused, detail }: Refusal): string {
  return Reply.error(`${refused === 'OOM' ? 'OOM' : 'ERR'} ${detail}`);
}

/** A refused write, to one of our own. */
export function peerRefusalReply({ refused, detail }: Refusal): string {
  return Reply.error(`${refused} ${detail}`);
}

/** The disk takes nothing at present; Redis says it with the same word. */
export function diskRefusal(reason: string): string {
  return Reply.error(`MISCONF ${reason}`);
}
