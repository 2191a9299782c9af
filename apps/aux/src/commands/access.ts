import type { Role } from '@dcs/environment';

/**
 * What a command asks of whoever sends it. `open`: nothing, as what is needed to log in; a role of the tokens; `peer`: to be
 * another part of the cache, which may do everything.
 */
export type Access = 'open' | Role | 'peer';

/** Each may do what those below it may. */
export const ACCESS_LEVELS: Readonly<Record<Access, number>> = { open: 0, read: 1, write: 2, admin: 3, peer: 4 };
