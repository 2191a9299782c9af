import type { Member, View } from '@dcs/cluster-membership';
import { decodeProbeReply, encodeProbe, type ProbeReply } from '@dcs/protocol';
import type { PeerLink, PeerTransport } from '../../node/ports.js';
import type { Ownership } from '../../node/ownership.js';
import { probeOutcome } from '../peers/peer-access.js';

export interface FormerOwnersOptions {
  readonly ownership: Ownership;
  readonly transport: PeerTransport;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
}

interface Former {
  readonly member: Member;
  link: PeerLink | undefined;
  asking: boolean;
  askedAt: number;
  /** Monotonic time of the last answer; -Infinity for none. */
  answeredAt: number;
}

const TIMEOUT_MS = 400;
const INTERVAL_MS = 500;
/** An answer counts for so long. */
const FRESH_MS = 2000;
/** Of the members that were expelled, the latest are remembered. */
const MAX_REMEMBERED = 64;

/**
 * Members that were expelled, and may live: their copies may be all there is of a slot. While slots are blocked they are
 * asked, at the addresses that they had, whether they are there.
 */
export class FormerOwners {
  readonly #options: FormerOwnersOptions;
  readonly #former = new Map<string, Former>();

  constructor(options: FormerOwnersOptions) {
    this.#options = options;
  }

  /** After every view. A member that left gracefully has handed over what it had. */
  follow(before: View, now: View): void {
    const members = new Set(now.members.map(({ id }) => id));
    for (const member of before.members) {
      if (members.has(member.id) || member.id === this.#options.ownership.selfId || member.state !== 'up') continue;
      this.#forget(member.id);
      this.#former.set(member.id, {
        ...{ member, link: undefined, asking: false, askedAt: -Infinity, answeredAt: -Infinity },
      });
    }
    for (const id of members) this.#forget(id);
    for (const id of this.#former.keys()) {
      if (this.#former.size <= MAX_REMEMBERED) break;
      this.#forget(id);
    }
  }

  /** It was expelled, and is not known to be gone. */
  mayLive(id: string): boolean {
    return this.#former.has(id);
  }

  /** It was expelled, and its process answers. */
  answers(id: string): boolean {
    const former = this.#former.get(id);
    return former !== undefined && this.#options.monotonic() - former.answeredAt < FRESH_MS;
  }

  /** Asks those that have not been asked for a while. To be repeated while slots wait. */
  ask(): void {
    const { ownership, transport, monotonic } = this.#options;
    const { id = '', incarnation = 0 } = ownership.self ?? {};
    const now = monotonic();
    for (const former of this.#former.values()) {
      if (former.asking || now - former.askedAt < INTERVAL_MS) continue;
      former.asking = true;
      former.askedAt = now;
      former.link ??= transport.open(former.member);
      former.link.send(encodeProbe(id, incarnation), TIMEOUT_MS, (error, reply) => {
        former.asking = false;
        if (this.#former.get(former.member.id) !== former) return;
        const outcome = probeOutcome(former.member, error, readable(reply));
        if (typeof outcome === 'object') former.answeredAt = monotonic();
        else if (outcome === 'refused') this.#forget(former.member.id);
      });
    }
  }

  close(): void {
    for (const id of [...this.#former.keys()]) this.#forget(id);
  }

  #forget(id: string): void {
    this.#former.get(id)?.link?.close();
    this.#former.delete(id);
  }
}

/** `undefined` for an answer that cannot be read: it is none. */
function readable(reply: unknown): ProbeReply | undefined {
  try {
    return decodeProbeReply(reply);
  } catch {
    return undefined;
  }
}
