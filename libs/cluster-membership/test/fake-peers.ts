import type { ClusterMembership } from '../src/cluster-membership.js';
import type { Member, View } from '../src/member.js';
import type { PeerAccess, ProbeOutcome } from '../src/peer-access.js';
import type { FakeTime } from './fake-time.js';

/** The data network between members in memory: links can be cut, processes killed. */
export class FakePeers {
  readonly nodes = new Map<string, ClusterMembership>();
  readonly killed = new Set<string>();
  /** `a>b`: nothing that a sends reaches b. */
  readonly cut = new Set<string>();

  constructor(readonly time: FakeTime) {}

  /** The network as one member sees it. */
  of(id: string): PeerAccess {
    return {
      probe: (member) => this.#probe(id, member),
      view: async (member, epoch): Promise<View | undefined> => {
        const node = this.#reached(id, member.id);
        return node !== undefined && node.view.epoch > epoch ? node.view : undefined;
      },
    };
  }

  /** Cuts the link between two members in both directions. */
  separate(a: string, b: string): void {
    this.cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  join(a: string, b: string): void {
    this.cut.delete(`${a}>${b}`);
    this.cut.delete(`${b}>${a}`);
  }

  async #probe(from: string, to: Member): Promise<ProbeOutcome> {
    const node = this.#reached(from, to.id);
    if (node !== undefined) return node.answerProbe(from, this.nodes.get(from)!.self!.incarnation);
    if (this.killed.has(to.id) && !this.cut.has(`${from}>${to.id}`) && !this.cut.has(`${to.id}>${from}`))
      return 'refused';
    await new Promise<void>((done) => this.time.setTimeout(done, 300));
    return 'silent';
  }

  #reached(from: string, to: string): ClusterMembership | undefined {
    if (this.killed.has(to) || this.cut.has(`${from}>${to}`) || this.cut.has(`${to}>${from}`)) return undefined;
    return this.nodes.get(to);
  }
}
