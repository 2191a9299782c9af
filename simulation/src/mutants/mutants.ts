import type { CacheNode } from '@dcs/aux/cache-node';
import { type Entry, isTombstone } from '@dcs/aux/node/entry';
import { NONE } from '@dcs/aux/node/ownership';
import type { PeerLink } from '@dcs/aux/node/ports';
import type { NodeConnection } from '@dcs/master/routing/ports';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { formatVersion, makeVersion, nextVersion } from '@dcs/protocol';
import { encodeCommandBinary, RequestDecoder } from '@dcs/resp';
import type { Surgery } from '../cluster/cluster.js';
import type { FaultName } from '../faults/plan.js';

/*
 * Deliberate defects. Each wraps public methods of one node's or one gateway's own objects when the simulation makes
 * them: nothing in production can switch one on, and a simulation that lets one pass proves nothing.
 */

export const MUTANT_NAMES = [
  'acknowledge-early',
  'no-tombstones',
  'import-overwrites-newer',
  'epoch-ignored',
  'retry-restamps',
  'eviction-is-delete',
  'disk-acknowledges-early',
  'recovery-does-not-wait',
  'reads-without-lease',
  'restore-only-by-owners',
] as const;

export type MutantName = (typeof MUTANT_NAMES)[number];

export interface Mutant {
  readonly surgery: Surgery;
  /** Runs in which nodes evict. */
  readonly tight: boolean;
  /** Only this fault shows it, if no other is asked for. */
  readonly faults?: readonly FaultName[];
}

export function mutant(name: MutantName): Mutant {
  const fault = SHOWN_BY[name];
  return {
    surgery: MUTANTS[name](),
    tight: name === 'eviction-is-delete',
    ...(fault === undefined ? {} : { faults: [fault] }),
  };
}

const SHOWN_BY: Readonly<Partial<Record<MutantName, FaultName>>> = {
  'reads-without-lease': 'reset',
  'restore-only-by-owners': 'restore',
};

const MUTANTS: Readonly<Record<MutantName, () => Surgery>> = {
  /** The primary answers before any other node has the write. */
  'acknowledge-early': () => ({
    node: ({ replication }) => {
      const { replicator } = replication;
      const replicate = replicator.replicate.bind(replicator);
      replicator.replicate = (effect, done) => {
        replicate(effect, () => undefined);
        done('copied');
      };
    },
  }),

  /** A delete removes and leaves nothing behind. */
  'no-tombstones': () => ({
    node: ({ store }) => {
      const merge = store.merge.bind(store);
      store.merge = (key, incoming, hash) => {
        const outcome = merge(key, incoming, hash);
        if (outcome === 'applied' && isTombstone(incoming)) store.dropWhere((held) => held === key);
        return outcome;
      };
    },
  }),

  /** What an import brings replaces what is there, whatever its version. */
  'import-overwrites-newer': () => {
    const importing = new WeakSet<CacheNode>();
    return {
      link: (link, node): PeerLink => ({
        send: (encoded, timeoutMs, callback) =>
          link.send(encoded, timeoutMs, (error, reply) => {
            const isPage = nameOf(encoded) === 'DCS.PULL';
            if (isPage) importing.add(node());
            callback(error, reply);
            if (isPage) importing.delete(node());
          }),
        close: () => link.close(),
      }),
      node: (node) => {
        const { store } = node;
        const merge = store.merge.bind(store);
        store.merge = (key, incoming, hash) => {
          if (importing.has(node)) store.dropWhere((held) => held === key);
          return merge(key, incoming, hash);
        };
      },
    };
  },

  /**
   * A node takes copies from senders whose view is older than the slot's owners, gives what it has to importers whose
   * view is newer than its own, and never looks for a newer view.
   */
  'epoch-ignored': () => ({
    link: (link): PeerLink => ({
      send: (encoded, timeoutMs, callback) => {
        if (!IMPORTS.has(nameOf(encoded))) return link.send(encoded, timeoutMs, callback);
        const args = argumentsOf(encoded);
        args[1] = '0'; // the epoch
        link.send(encodeCommandBinary(args), timeoutMs, callback);
      },
      close: () => link.close(),
    }),
    node: ({ replication, refresh }) => {
      const take = replication.take.bind(replication);
      replication.take = (_epoch, ...rest) => take(Number.MAX_SAFE_INTEGER, ...rest);
      refresh.needed = () => false;
    },
  }),

  /** Every attempt of a write has a stamp of its own, as if it were another operation. */
  'retry-restamps': () => {
    let counter = 0;
    return {
      connection: (connection, wall): NodeConnection => ({
        get connected() {
          return connection.connected;
        },
        get inFlight() {
          return connection.inFlight;
        },
        send: (command, callback, timeoutMs) => {
          const args = argumentsOf(command);
          if (WRITES.has(args[0]!) && args[3] !== '1') {
            args[2] = formatVersion(makeVersion(wall(), ++counter % 1000, 0xffffffff));
            args[3] = '1';
            return connection.send(encodeCommandBinary(args), callback, timeoutMs);
          }
          return connection.send(command, callback, timeoutMs);
        },
        close: () => connection.close(),
      }),
    };
  },

  /** What a node has no room for is deleted everywhere. */
  'eviction-is-delete': () => ({
    node: ({ store, replication, clock }) => {
      const live = new Map<string, Entry>();
      const merge = store.merge.bind(store);
      let burying = false;
      store.merge = (key, incoming, hash) => {
        const outcome = merge(key, incoming, hash);
        if (outcome === 'applied' && !isTombstone(incoming)) live.set(key, incoming);
        if (burying) return outcome;
        burying = true;
        for (const [evicted, entry] of live) {
          if (store.lookup(evicted) !== undefined) continue;
          live.delete(evicted);
          const tombstone = store.tombstone(nextVersion(entry, clock.origin), entry.slot);
          store.merge(evicted, tombstone);
          replication.copy([{ key: evicted, entry: tombstone, operation: undefined }], () => undefined);
        }
        burying = false;
        return outcome;
      };
    },
  }),

  /** Nothing waits for the disk. */
  'disk-acknowledges-early': () => ({
    node: ({ replication }) => {
      replication.whenDurable = (done) => done(undefined);
    },
  }),

  /** A replica answers reads whatever it may lack. */
  'reads-without-lease': () => ({
    node: ({ replication }) => {
      replication.readLeases.validUntil = () => Infinity;
    },
  }),

  /** A node lets go of what it waits to restore when a node that joined owns it, which looks in no backup. */
  'restore-only-by-owners': () => ({
    node: ({ ownership, replication: { ledger, recovery } }) => {
      const viewChanged = recovery.viewChanged.bind(recovery);
      recovery.viewChanged = () => {
        for (let slot = 0; slot < SLOT_COUNT; slot++) {
          if (ownership.roleOf(slot) === NONE) ledger.unblock(slot, undefined);
        }
        viewChanged();
      };
    },
  }),

  /** The first node that is back after the loss of all takes what its disk has for all there is. */
  'recovery-does-not-wait': () => ({
    node: ({ replication: { ledger } }) => {
      for (let slot = 0; slot < SLOT_COUNT; slot++) ledger.unblock(slot, undefined);
      ledger.block = () => undefined;
    },
  }),
};

const IMPORTS: ReadonlySet<string> = new Set(['DCS.DIGEST', 'DCS.FETCH', 'DCS.PULL', 'DCS.REMEMBERED']);
const WRITES: ReadonlySet<string> = new Set(['DCS.SET', 'DCS.DEL', 'DCS.INCR', 'DCS.TOUCH']);

function nameOf(encoded: string): string {
  return encoded.slice(encoded.indexOf('\r\n', 4) + 2).split('\r\n', 1)[0]!;
}

function argumentsOf(encoded: string): string[] {
  const decoder = new RequestDecoder();
  decoder.push(Buffer.from(encoded, 'latin1'));
  decoder.next();
  return Array.from({ length: decoder.argc }, (_, i) => decoder.binary(i));
}
