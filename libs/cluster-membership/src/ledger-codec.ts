import { createHash } from 'node:crypto';
import { RegistryError } from './errors.js';
import type { StandingAccusation } from './expulsion.js';
import type { Ledger, Lease } from './ledger.js';
import { checkedMember } from './member.js';
import type { MemberSettings } from './settings.js';

/*
 * A stored ledger is two lines: the first 32 hex digits of the SHA-256 of the second, and JSON. The checksum tells a
 * half-written or damaged file from a whole one; the format number tells a newer program's file.
 *
 * A member's settings lie beside its record, not in it: a release that does not know them keeps what it finds in a
 * lease and drops what it does not know of a member, which would raise the epoch with every heartbeat of the others.
 */

const FORMAT = 1;

/** What the release before did not write is optional. */
interface StoredLease
  extends Omit<Lease, 'sharedOutage' | 'admittedEpoch' | 'seenEpoch' | 'takenOver' | 'heard' | 'accuses'> {
  readonly settings?: MemberSettings;
  readonly sharedOutage?: boolean;
  readonly admittedEpoch?: number;
  readonly seenEpoch?: number;
  readonly takenOver?: boolean;
  readonly heard?: boolean;
  readonly accuses?: readonly (readonly [id: string, accusation: StandingAccusation])[];
}

interface Stored {
  readonly format: number;
  readonly epoch: number;
  readonly leases: readonly StoredLease[];
  readonly crashes: readonly (readonly [id: string, count: number, lastMs: number])[];
  readonly server?: string;
  readonly parent?: number;
  readonly known?: readonly (readonly [history: number, epoch: number])[];
  readonly clock: { lastMs: number; offsetMs: number };
}

export function encodeLedger(ledger: Ledger): string {
  const { epoch, leases, crashes, server, parent, known, clock } = ledger;
  const stored: Stored = {
    format: FORMAT,
    epoch,
    leases: [...leases.values()].map(storedLease),
    crashes: [...crashes].map(([id, { count, lastMs }]) => [id, count, lastMs]),
    server,
    parent,
    known: [...known],
    clock,
  };
  const json = JSON.stringify(stored);
  return `${checksum(json)}\n${json}\n`;
}

/** Undefined where the text is damaged; `ERR_REGISTRY_CORRUPT` where it is whole and of another format. */
export function decodeLedger(text: string): Ledger | undefined {
  const [sum, json] = text.split('\n');
  if (sum === undefined || json === undefined || sum !== checksum(json)) return undefined;
  const stored = JSON.parse(json) as Stored; // the checksum says that this program wrote it
  if (stored.format !== FORMAT) {
    throw new RegistryError(
      'ERR_REGISTRY_CORRUPT',
      `the registry file has format ${stored.format}, this program knows ${FORMAT}: run one version per directory`,
    );
  }
  const { epoch, leases, crashes, server = '', parent = 0, known = [], clock } = stored;
  return {
    epoch,
    leases: new Map(leases.map((lease) => [lease.member.id, leaseOf(lease)])),
    crashes: new Map(crashes.map(([id, count, lastMs]) => [id, { count, lastMs }])),
    server,
    parent,
    known: new Map(known),
    clock,
  };
}

function storedLease({ member, accuses, ...lease }: Lease): StoredLease {
  const { settings, ...record } = member;
  return { ...lease, member: record, ...(settings && { settings }), accuses: [...accuses] };
}

function leaseOf({ settings, ...stored }: StoredLease): Lease {
  const { sharedOutage = false, admittedEpoch = 0, seenEpoch = 0, accuses = [] } = stored;
  const { takenOver = false, heard = false } = stored;
  const member = checkedMember(settings ? { ...stored.member, settings } : stored.member);
  return { ...stored, member, sharedOutage, admittedEpoch, seenEpoch, takenOver, heard, accuses: new Map(accuses) };
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, 32);
}
