import type { Member } from './member.js';
import type { PeerAccess, ProbeOutcome } from './peer-access.js';
import type { Accusation } from './registry.js';

export interface WitnessOptions {
  /** Without it the registry's word is taken: an overdue member is accused unheard. */
  readonly probe: PeerAccess['probe'] | undefined;
  /** This process did not run for a while: that nobody answered it says nothing of the others. */
  readonly isLagging: () => boolean;
}

/**
 * What this member says of members that the registry has not heard for a while. It probes them, and only them, and
 * accuses those that do not answer. See expulsion.ts for what follows.
 */
export class Witness {
  readonly #options: WitnessOptions;
  #accusations: ReadonlyMap<string, Accusation> = new Map();
  /** Accusations that the registry may hold: whoever is accused is not answered. */
  #promised = new Map<string, Set<number>>();

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /** What the next heartbeat says. */
  get accusations(): readonly Accusation[] {
    return [...this.#accusations.values()];
  }

  /** Whether the registry may hold an accusation of this process by this member. */
  accuses(id: string, incarnation: number): boolean {
    return this.#promised.get(id)?.has(incarnation) === true;
  }

  /** The registry has these accusations, and no others. */
  committed(accusations: readonly Accusation[]): void {
    this.#promised = new Map();
    for (const accusation of [...accusations, ...this.#accusations.values()]) this.#promise(accusation);
  }

  /**
   * Probes the members that are overdue; withdraws what it said of all others.
   * @param size of the view
   * @returns whether what the next heartbeat says has changed
   */
  async check(overdue: readonly Member[], size: number): Promise<boolean> {
    const outcomes = await Promise.all(overdue.map((member) => this.#ask(member, overdue.length * 2 > size)));
    const next = new Map<string, Accusation>();
    for (const [i, { id, incarnation }] of overdue.entries()) {
      const outcome = outcomes[i]!;
      if (typeof outcome === 'object' || this.#options.isLagging()) continue;
      next.set(id, { id, incarnation, kind: outcome });
    }
    const before = this.#accusations;
    this.#accusations = next;
    for (const accusation of next.values()) this.#promise(accusation);
    return next.size !== before.size || [...next].some(([id, accusation]) => !isSame(accusation, before.get(id)));
  }

  async #ask(member: Member, mostAreOverdue: boolean): Promise<ProbeOutcome> {
    const { probe } = this.#options;
    if (probe === undefined) return mostAreOverdue ? 'silent' : 'refused';
    try {
      return await probe(member);
    } catch {
      return 'silent';
    }
  }

  #promise({ id, incarnation }: Accusation): void {
    const incarnations = this.#promised.get(id) ?? new Set();
    this.#promised.set(id, incarnations.add(incarnation));
  }
}

function isSame(a: Accusation, b: Accusation | undefined): boolean {
  return a.incarnation === b?.incarnation && a.kind === b.kind;
}
