import type { CacheNode } from '@dcs/aux/cache-node';
import { type Entry, isTombstone } from '@dcs/aux/node/entry';
import { NONE } from '@dcs/aux/node/ownership';
import type { PeerLink } from '@dcs/aux/node/ports';
import type { NodeConnection } from '@dcs/master/routing/ports';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { formatVersion, makeVersion, nextVersion } from '@dcs/protocol';
import { encodeCommandBinary } from '@dcs/resp';
import type { Surgery } from '../cluster/cluster.js';
import { argumentsOf, nameOf } from './messages.js';

const IMPORTS: ReadonlySet<string> = new Set(['DCS.DIGEST', 'DCS.FETCH', 'DCS.PULL', 'DCS.REMEMBERED']);
const WRITES: ReadonlySet<string> = new Set(['DCS.SET', 'DCS.DEL', 'DCS.INCR', 'DCS.TOUCH']);

/** Promises that are broken on purpose. */
export const DEFECTS = {
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
        reset: (cause) => link.reset(cause),
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
      reset: (cause) => link.reset(cause),
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
        reset: (cause) => connection.reset(cause),
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
      recovery.viewChanged = (before) => {
        for (let slot = 0; slot < SLOT_COUNT; slot++) {
          if (ownership.roleOf(slot) === NONE) ledger.unblock(slot, undefined);
        }
        viewChanged(before);
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
} satisfies Readonly<Record<string, () => Surgery>>;
