import { spawnSync } from 'node:child_process';
import { run } from '../system/program.js';
import { programPath } from './prerequisite.js';

const TIMEOUT_MS = 10_000;

/** Why there can be no networks here; undefined when there can. */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const name of ['ip', 'iptables']) {
    if (programPath(name) === undefined) return `no ${name} on this machine (Debian: iproute2 iptables)`;
  }
  const name = `dcs-probe-${process.pid}`;
  const ip = programPath('ip')!;
  const added = spawnSync(ip, ['netns', 'add', name]);
  if (added.status !== 0) return `this machine allows no network namespaces: ${added.stderr.toString().trim()}`;
  spawnSync(ip, ['netns', 'del', name]);
  return undefined;
}

/** What is dropped between two hosts: what `from` sends to `to`, or both ways. */
export type Cut = 'one-way' | 'both-ways';

/**
 * Hosts of a network of their own inside this machine: a network namespace each, joined by a switch, which is one more.
 * This process is on it as well.
 */
export class Network {
  readonly #prefix: string;
  readonly #subnet: string;
  readonly #hosts: string[] = [];

  /** @param serial another one for every network on this machine at a time */
  private constructor(serial: number) {
    this.#prefix = `dcs${serial}`;
    this.#subnet = `10.213.${serial % 256}`;
  }

  /** The address of this process on it. */
  get ownAddress(): string {
    return this.addressOf(0);
  }

  static async create(hosts: number): Promise<Network> {
    const network = new Network(process.pid);
    try {
      await network.#build(hosts);
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  /** Of a host, from 1 on. */
  addressOf(host: number): string {
    return `${this.#subnet}.${host + 1}`;
  }

  /** What runs a command on a host. */
  commandOn(host: number): readonly string[] {
    return [programPath('ip')!, 'netns', 'exec', this.#nameOf(host)];
  }

  async cut(from: number, to: number, cut: Cut): Promise<void> {
    await this.#iptables(from, '-A', 'OUTPUT', '-d', this.addressOf(to), '-j', 'DROP');
    if (cut === 'both-ways') await this.#iptables(from, '-A', 'INPUT', '-s', this.addressOf(to), '-j', 'DROP');
  }

  /** Ends what `cut` did with this `from`. */
  async heal(from: number): Promise<void> {
    await this.#iptables(from, '-F');
  }

  /** Idempotent. The interfaces go with their namespaces. */
  async close(): Promise<void> {
    for (const name of this.#hosts.splice(0)) await ip('netns', 'del', name).catch(() => undefined); // never was
  }

  #nameOf(host: number): string {
    return `${this.#prefix}-${host}`;
  }

  async #build(hosts: number): Promise<void> {
    const hub = `${this.#prefix}-hub`;
    this.#hosts.push(hub);
    await ip('netns', 'add', hub);
    await ip('-n', hub, 'link', 'add', 'switch', 'type', 'bridge');
    await ip('-n', hub, 'link', 'set', 'switch', 'up');
    await this.#plugIn(hub, 0, undefined);
    for (let host = 1; host <= hosts; host++) {
      const name = this.#nameOf(host);
      this.#hosts.push(name);
      await ip('netns', 'add', name);
      await ip('-n', name, 'link', 'set', 'lo', 'up');
      await this.#plugIn(hub, host, name);
    }
  }

  /** A cable from the switch to a host; to this process where `namespace` is undefined. */
  async #plugIn(hub: string, host: number, namespace: string | undefined): Promise<void> {
    const port = `port${host}`;
    const end = `${this.#prefix}e${host}`;
    const at = namespace === undefined ? [] : ['-n', namespace];
    await ip('-n', hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', end);
    await ip('-n', hub, 'link', 'set', end, 'netns', namespace ?? String(process.pid));
    await ip('-n', hub, 'link', 'set', port, 'master', 'switch', 'up');
    await ip(...at, 'addr', 'add', `${this.addressOf(host)}/24`, 'dev', end);
    await ip(...at, 'link', 'set', end, 'up');
  }

  async #iptables(host: number, ...rule: string[]): Promise<void> {
    await ip('netns', 'exec', this.#nameOf(host), programPath('iptables')!, ...rule);
  }
}

async function ip(...args: string[]): Promise<void> {
  await run(programPath('ip')!, args, { timeoutMs: TIMEOUT_MS });
}
