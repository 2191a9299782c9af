import { SlotLedger } from '@dcs/aux/replication/slots/slot-ledger';
import { StaleCopies } from '@dcs/aux/replication/slots/stale-copies';
import { Traces } from '@dcs/aux/replication/slots/traces';
import { History } from '@dcs/aux/replication/recovery/history';
import { Origins } from '@dcs/aux/replication/recovery/origins';
import { OutdatedDisk } from '@dcs/aux/replication/recovery/outdated-disk';
import { RestoreDuty } from '@dcs/aux/replication/recovery/restore-duty';
import { NONE } from '@dcs/aux/node/ownership';
import type { CacheNode } from '@dcs/aux/cache-node';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { RespError } from '@dcs/resp';
import type { Surgery } from '../cluster/cluster.js';
import type { FaultName } from '../faults/plan.js';
import { nameOf } from './messages.js';

/** A mechanism of the protocol that is switched off. */
export interface Mechanism {
  readonly surgery: () => Surgery;
  /** Faults that should show it. */
  readonly shownBy: readonly FaultName[];
  /** Every node has a disk in these runs. */
  readonly disks?: 'always';
  /** Why no fault shows it yet: it is left out of `--mutants`. */
  readonly unseen?: string;
}

const nothing = (): void => undefined;
const UNSEEN = 'not found in the seeds tried';

export const MECHANISMS = {
  /** A write does not wait until a replica that lacks it may not answer reads any more. */
  'grants-not-waited-for': {
    shownBy: ['reset', 'partition'],
    unseen: 'a replica that does not hear its primary answers by itself after 250 ms, so no check is strict enough',
    surgery: () => ({
      node: ({ replication }) => {
        replication.readGrants.outstandingMs = () => 0;
      },
    }),
  },

  /** A node restores a slot although its owners have not said whether they do. */
  'restore-duty-never-unsure': {
    shownBy: ['restore'],
    surgery: () => ({ classes: () => replaced(RestoreDuty.prototype, 'isUnsure', () => false) }),
  },

  /** A slot whose sources are all gone is taken for in sync. */
  'orphans-not-blocked': {
    shownBy: ['kill-owners', 'crash-in-handoff'],
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ replication: { ledger } }) => {
        const retain = ledger.retainSources.bind(ledger);
        ledger.retainSources = (alive) => (retain(alive), []);
      },
    }),
  },

  /** A new owner does not take over the results of operations. */
  'imports-without-dedup': {
    shownBy: ['crash'],
    surgery: () => ({ link: answering('DCS.REMEMBERED', () => [null, ['0']]) }),
  },

  'no-anti-entropy-rounds': {
    shownBy: ['pause'],
    surgery: () => ({
      node: ({ replication }) => {
        replication.antiEntropy.start = nothing;
      },
    }),
  },

  /** A disk that is older than deletes are remembered keeps all it has. */
  'old-disk-trusted': {
    shownBy: ['old-disk'],
    surgery: () => ({ classes: () => replaced(Origins.prototype, 'oldestTrusted', () => -Infinity) }),
  },

  /** What a node was written since it owns a slot again counts as stale where its version is old. */
  'late-writes-are-stale': {
    shownBy: ['flap', 'old-disk'],
    unseen: UNSEEN,
    surgery: () => ({ classes: () => replaced(StaleCopies.prototype, 'arrived', nothing) }),
  },

  /** What a node had of a slot before others owned it is kept. */
  'stale-copies-kept': {
    shownBy: ['old-disk'],
    surgery: () => ({ classes: () => replaced(StaleCopies.prototype, 'drop', nothing) }),
  },

  'outdated-disk-kept': {
    shownBy: ['old-disk'],
    unseen: UNSEEN,
    surgery: () => ({ classes: () => replaced(OutdatedDisk.prototype, 'drop', nothing) }),
  },

  /** An entry that an owner did not get leaves no trace when it expires or is evicted. */
  'no-traces-of-missed-entries': {
    shownBy: ['isolate'],
    surgery: () => ({ classes: () => replaced(Traces.prototype, 'missed', nothing) }),
  },

  /** An entry that expires or is evicted while its slot is imported leaves no trace. */
  'no-traces-in-imports': {
    shownBy: ['old-disk'],
    surgery: () => ({
      node: ({ store, replication: { ledger } }) => {
        const leaves = store.leavesTrace;
        store.leavesTrace = (entry) => ledger.isInSync(entry.slot) && (leaves?.(entry) ?? false);
      },
    }),
  },

  /** A fallback node delivers what it took without asking who had it taken. */
  'hints-unconfirmed': {
    shownBy: ['brief-cuts'],
    surgery: () => ({ link: answering('DCS.VOUCH', () => [new RespError('STALE no'), undefined]) }),
  },

  'hints-without-operations': {
    shownBy: ['isolate', 'partition', 'slow'],
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ replication: { hints } }) => {
        const add = hints.add.bind(hints);
        hints.add = (key, taken) => add(key, { ...taken, operation: undefined });
      },
    }),
  },

  'hints-never-delivered': {
    shownBy: ['partition'],
    surgery: () => ({
      node: ({ replication: { hints } }) => {
        hints.flush = nothing;
      },
    }),
  },

  /** An owner that missed a write is not told. */
  'missed-writes-forgotten': {
    shownBy: ['reset'],
    surgery: () => ({
      node: ({ replication: { antiEntropy } }) => {
        antiEntropy.missed = nothing;
      },
    }),
  },

  /** Others do not take what a disk of another history has. */
  'foreign-disk-not-offered': {
    shownBy: ['kill-all-one-late'],
    disks: 'always',
    unseen: UNSEEN,
    surgery: () => ({
      classes: () => {
        const original = Object.getOwnPropertyDescriptor(History.prototype, 'isForeign')!;
        Object.defineProperty(History.prototype, 'isForeign', { ...original, get: () => false });
        return () => Object.defineProperty(History.prototype, 'isForeign', original);
      },
    }),
  },

  /** A read shows a write whose copies are under way. */
  'reads-show-uncopied': {
    shownBy: ['brief-cuts'],
    surgery: () => ({
      node: ({ replication: { pending } }) => {
        pending.whenDone = (_key, done) => done();
        pending.uncopied = () => undefined;
        pending.has = () => false;
      },
    }),
  },

  /** An attempt on a key that was written since is done without asking the other owners. */
  'superseded-not-asked': {
    shownBy: ['brief-cuts'],
    surgery: () => ({
      node: ({ replication: { preparation } }) => {
        preparation.isSuperseded = () => false;
      },
    }),
  },

  /** A node that was out keeps the results of operations that it did last. */
  'dedup-not-cleared': {
    shownBy: ['isolate', 'pause'],
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ writer: { dedup } }) => {
        dedup.clear = nothing;
      },
    }),
  },

  /** After the loss of memory a later attempt counts as the first. */
  'dedup-loss-forgotten': {
    shownBy: ['crash', 'kill-all', 'power-off'],
    disks: 'always',
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ writer: { dedup } }) => {
        dedup.lose = nothing;
        dedup.loseAll = nothing;
      },
    }),
  },

  /** The slots of an owner that restarted keep their epoch. */
  'restart-keeps-epochs': {
    shownBy: ['flap', 'crash'],
    unseen: UNSEEN,
    surgery: () => ({ node: keepEpochs }),
  },

  /** A new primary does not ask the old one for what it has not copied. */
  'old-primary-not-asked': {
    shownBy: ['reweigh', 'cut-in-handoff', 'rolling-restart'],
    unseen: UNSEEN,
    surgery: () => ({ classes: () => replaced(SlotLedger.prototype, 'ask', nothing) }),
  },

  /** A new owner does not ask those that become owners with it. */
  'co-owners-not-asked': {
    shownBy: ['cut-in-handoff', 'crash-in-handoff'],
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ replication: { ledger } }) => {
        const begin = ledger.begin.bind(ledger);
        const require = ledger.require.bind(ledger);
        let begins = false;
        ledger.begin = (slot, sources) => {
          begins = true;
          begin(slot, sources);
          begins = false;
        };
        ledger.require = (slot, source) => {
          if (begins) require(slot, source);
        };
      },
    }),
  },

  /** A node drops its copy of a slot that it lost at once. */
  'copies-released-at-once': {
    shownBy: ['crash-in-handoff'],
    surgery: () => ({
      node: ({ store, ownership, replication: { copyRelease, hints } }) => {
        copyRelease.check = () =>
          void store.dropWhere((key, entry) => ownership.roleOf(entry.slot) === NONE && !hints.has(key));
      },
    }),
  },

  /** A node that lost a slot before it had it whole does not say from whom it imported. */
  'left-sources-not-named': {
    shownBy: ['cut-in-handoff', 'crash-in-handoff', 'flap'],
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ replication: { ledger } }) => {
        ledger.sourcesToName = (slot) => ledger.sourcesOf(slot);
        ledger.sourcesToNameOfAny = (slots) => new Set([...slots].flatMap((slot) => ledger.sourcesOf(slot)));
      },
    }),
  },

  /** A copy that may be incomplete answers single keys as if it were not. */
  'incomplete-not-said': {
    shownBy: ['cut-in-handoff', 'crash-in-handoff', 'kill-owners'],
    unseen: UNSEEN,
    surgery: () => ({
      node: ({ importSource, replication: { ledger } }) => {
        const fetch = importSource.fetch.bind(importSource);
        const isComplete = ledger.isComplete.bind(ledger);
        importSource.fetch = (...args) => {
          ledger.isComplete = () => true;
          const reply = fetch(...args);
          ledger.isComplete = isComplete;
          return reply;
        };
      },
    }),
  },

  /** Versions of an import do not advance the clock. */
  'imports-do-not-advance-clock': {
    shownBy: ['clock', 'join'],
    unseen: UNSEEN,
    surgery: () => {
      const importing = new WeakSet<CacheNode>();
      return {
        link: (link, node) => ({
          send: (encoded, timeoutMs, callback) =>
            link.send(encoded, timeoutMs, (error, reply) => {
              if (nameOf(encoded) !== 'DCS.PULL') return callback(error, reply);
              importing.add(node());
              callback(error, reply);
              importing.delete(node());
            }),
          reset: (cause) => link.reset(cause),
          close: () => link.close(),
        }),
        node: (node) => {
          const observe = node.clock.observe.bind(node.clock);
          node.clock.observe = (version) => {
            if (!importing.has(node)) observe(version);
          };
        },
      };
    },
  },
} satisfies Readonly<Record<string, Mechanism>>;

/** Replaces a method of a class; returns what puts it back. */
function replaced<T extends object, K extends keyof T>(target: T, name: K, value: T[K]): () => void {
  const original = target[name];
  target[name] = value;
  return () => {
    target[name] = original;
  };
}

/** A command is answered at once, without being sent. */
function answering(name: string, answer: () => [Error | null, unknown]): NonNullable<Surgery['link']> {
  return (link) => ({
    send: (encoded, timeoutMs, callback) =>
      nameOf(encoded) === name ? callback(...answer()) : link.send(encoded, timeoutMs, callback),
    reset: (cause) => link.reset(cause),
    close: () => link.close(),
  });
}

function keepEpochs({ ownership, replication }: CacheNode): void {
  const apply = replication.applyView.bind(replication);
  replication.applyView = (view) => {
    const { table } = ownership;
    const { changedAt } = replication.ledger;
    const before = changedAt.slice();
    apply(view);
    const changed = new Set(ownership.table.changedSlots(table));
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (!changed.has(slot)) changedAt[slot] = before[slot]!;
  };
}
