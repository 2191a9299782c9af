import { type MemberSettings } from '@dcs/cluster-membership';
import { type BackupStats, type WriteCondition } from '@dcs/protocol';

/** All that is known of an entry but its bytes. */
export interface EntryInfo {
  /** Opaque to the HTTP side; its `ETag`. */
  readonly version: string;
  /** Absolute expiry in ms since the Unix epoch; 0 = never. */
  readonly expiresAt: number;
  /** See `EntryKind` of `@dcs/protocol`. */
  readonly kind: string;
}

export interface Entry extends EntryInfo {
  /** Binary string: one byte per character. */
  readonly value: string;
}

export interface IncrementOptions {
  readonly by: number;
  readonly initial: number;
  /** 0 = never; only for a key that the increment creates. */
  readonly expiresAt: number;
  /** Repeats with the same token answer the first result; '' = none. */
  readonly token: string;
}

/** A node as the data plane knows it; `stats` is left out when the node did not answer. */
export interface NodeDescription {
  readonly id: string;
  readonly address: string;
  readonly state: string;
  readonly incarnation: number;
  readonly weight: number;
  readonly zone: string;
  readonly slots: { readonly primary: number; readonly replica: number };
  /** What the node states that all nodes must agree on; left out by nodes of releases that do not state it. */
  readonly settings?: MemberSettings;
  readonly reachable: boolean;
  /** Some node says that the registry has not heard it for more than half of its lease; left out otherwise. */
  readonly cutOff?: true;
  readonly stats?: {
    readonly epoch: number;
    readonly entries: number;
    readonly bytes: number;
    readonly maxEntries: number;
    readonly maxBytes: number;
    /** Hits per lookup since the node started; null before the first lookup. */
    readonly hitRatio: number | null;
    readonly handoff: { readonly slotsToGo: number; readonly bytesReceived: number };
    /** It answers no client: it may have been expelled; left out otherwise. */
    readonly fenced?: true;
    /** Left out when the node has no backup directory. */
    readonly backup?: BackupStats;
  };
}

/** Which nodes took the call for a backup, and which did not. */
export interface BackupReceipt {
  readonly asked: readonly string[];
  readonly failed: readonly { readonly id: string; readonly reason: 'unreachable' | 'no-directory' }[];
}

export interface PlaneDescription {
  readonly epoch: number;
  /** Owners of every slot, by the view. */
  readonly replicas: number;
  readonly nodes: readonly NodeDescription[];
}

export interface KeyLocation {
  readonly slot: number;
  /** Ids, primary first. */
  readonly owners: readonly string[];
}

/**
 * Where the data is. Keys and values are binary strings. Every call settles within the operation timeout; failures are
 * `RoutingError`s. An entry that cannot be reached is never reported as absent.
 */
export interface DataPlane {
  get(key: string): Promise<Entry | undefined>;
  head(key: string): Promise<EntryInfo | undefined>;
  set(
    key: string,
    value: string,
    kind: string,
    expiresAt: number,
    condition: WriteCondition,
  ): Promise<{ readonly created: boolean; readonly version: string }>;
  /** Whether there was an entry. */
  delete(key: string, condition: WriteCondition): Promise<boolean>;
  increment(key: string, options: IncrementOptions): Promise<{ readonly value: number; readonly version: string }>;
  /** The new version; undefined when the key is absent. */
  touch(key: string, expiresAt: number): Promise<string | undefined>;
  locate(key: string): KeyLocation;
  describe(): Promise<PlaneDescription>;
  /** Why the plane cannot serve now; undefined when it can. */
  unreadyReason(): string | undefined;
  /** Finishes what is in flight. Idempotent. */
  close(): Promise<void>;
}
