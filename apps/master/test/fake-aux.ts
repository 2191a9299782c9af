import { createServer, type Server, type Socket } from 'node:net';
import {
  compareVersions,
  decodeCondition,
  encodeHeader,
  formatVersion,
  isOtherRequest,
  nextVersion,
  parseVersion,
  PeerAuth,
  peerAddress,
  tokenKey,
  type Version,
} from '@dcs/protocol';
import { PLACEMENT_VERSION } from '@dcs/consistent-hash';
import { Reply, RequestDecoder } from '@dcs/resp';

interface Stored {
  readonly version: Version;
  readonly stamp: string;
  readonly expiresAt: number;
  readonly kind: string;
  readonly value: string;
}

/** What a test does to a command: a reply of its own, `null` to do it and cut the connection, undefined to leave it alone. */
export type Intercept = (command: string, args: readonly string[]) => string | null | undefined;

const NO_ORIGIN = 0;

/** A cache node on a real socket that knows the commands between gateway and node, and nothing of slots. */
export class FakeAux {
  readonly entries = new Map<string, Stored>();
  readonly calls: string[][] = [];
  readonly tokens = new Map<string, { readonly token: string; readonly answer: string }>();
  intercept: Intercept = () => undefined;
  /** Milliseconds before anything is answered. */
  delayMs = 0;
  readonly #auth: PeerAuth;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(id: string, secrets: readonly string[] = []) {
    this.#auth = new PeerAuth({
      ...{ role: 'aux', id, cluster: 'dcs', secrets, address: () => peerAddress('127.0.0.1', this.port) },
      ...{ nonce: () => '1'.repeat(32), monotonic: () => 0 },
    });
  }

  /** What a member record says of it. */
  get settings() {
    return { replicas: 1, placement: PLACEMENT_VERSION, protocol: this.#auth.versions };
  }

  async listen(port = 0): Promise<number> {
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no address');
    return (this.port = address.port);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  callsOf(command: string): string[][] {
    return this.calls.filter(([name]) => name === command);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const decoder = new RequestDecoder();
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      let out = '';
      while (decoder.next()) {
        const args = Array.from({ length: decoder.argc }, (_, i) => decoder.binary(i));
        this.calls.push(args);
        const answer = this.intercept(args[0]!, args);
        out += answer ?? this.#run(args);
        if (answer === null) return void socket.destroy();
      }
      if (this.delayMs > 0) setTimeout(() => socket.write(out, 'latin1'), this.delayMs);
      else socket.write(out, 'latin1');
    });
  }

  #live(key: string): Stored | undefined {
    const entry = this.entries.get(key);
    return entry && (entry.expiresAt === 0 || entry.expiresAt > Date.now()) ? entry : undefined;
  }

  #run(args: readonly string[]): string {
    const [command = '', ...rest] = args;
    switch (command) {
      case 'DCS.HELLO':
        return this.#auth.greet(args).reply;
      case 'DCS.AUTH':
        return Reply.OK;
      case 'DCS.GET':
        return this.#get(rest[1]!, true);
      case 'DCS.HEAD':
        return this.#get(rest[1]!, false);
      case 'DCS.SET':
        return this.#set(rest);
      case 'DCS.DEL':
        return this.#delete(rest);
      case 'DCS.INCR':
        return this.#increment(rest);
      case 'DCS.TOUCH':
        return this.#touch(rest);
      case 'DCS.STATS':
        return Reply.bulk(JSON.stringify(this.#stats()));
      case 'DCS.BACKUP':
      case 'DCS.DRAIN':
        return Reply.simple('OK');
      default:
        return Reply.error(`ERR unknown command '${command}'`);
    }
  }

  #get(key: string, withValue: boolean): string {
    const entry = this.#live(key);
    if (!entry) return Reply.nil(2);
    const header = Reply.bulk(encodeHeader(entry.version, entry.expiresAt, entry.kind));
    return withValue ? Reply.arrayHeader(2) + header + Reply.bulk(entry.value) : header;
  }

  /** PRECONDITION as a reply, or undefined when the condition holds. */
  #refusal(text: string, entry: Stored | undefined): string | undefined {
    const condition = decodeCondition(text);
    const holds =
      condition.if === 'always' ||
      (condition.if === 'absent' && !entry) ||
      (condition.if === 'present' && entry !== undefined) ||
      (condition.if === 'version' && entry !== undefined && compareVersions(condition.version, entry.version) === 0);
    return holds ? undefined : Reply.error(`PRECONDITION ${entry ? formatVersion(entry.version) : '-'}`);
  }

  #put(key: string, stamp: string, fields: Pick<Stored, 'expiresAt' | 'kind' | 'value'>): string {
    const known = this.entries.get(key);
    const given = parseVersion(stamp);
    const least = known && nextVersion(known.version, NO_ORIGIN);
    const version = least && compareVersions(least, given) > 0 ? least : given;
    this.entries.set(key, { ...fields, version, stamp });
    return formatVersion(version);
  }

  #set([, stamp, , condition, expiresAt, kind, key, value]: readonly string[]): string {
    const entry = this.#live(key!);
    if (entry && entry.stamp === stamp) return Reply.simple(`0 ${formatVersion(entry.version)}`);
    const refusal = this.#refusal(condition!, entry);
    if (refusal) return refusal;
    const version = this.#put(key!, stamp!, { expiresAt: Number(expiresAt), kind: kind!, value: value! });
    return Reply.simple(`${entry ? 0 : 1} ${version}`);
  }

  #delete([, , , condition, key]: readonly string[]): string {
    const entry = this.#live(key!);
    const refusal = this.#refusal(condition!, entry);
    if (refusal) return refusal;
    this.entries.delete(key!);
    return Reply.integer(entry ? 1 : 0);
  }

  #increment([, stamp, , by, initial, expiresAt, token, key]: readonly string[]): string {
    const repeated = token ? this.tokens.get(`${key} ${tokenKey(token)}`) : undefined;
    if (repeated && isOtherRequest(token!, repeated.token)) return Reply.error('REUSED');
    if (repeated) return Reply.simple(repeated.answer);
    const entry = this.#live(key!);
    const before = entry ? Number(entry.value) : Number(initial);
    const value = before + Number(by);
    if (!Number.isSafeInteger(before) || !Number.isSafeInteger(value)) return Reply.error('NOTANUMBER');
    const fields = { expiresAt: entry?.expiresAt ?? Number(expiresAt), kind: 'j', value: String(value) };
    const answer = `${value} ${this.#put(key!, stamp!, fields)}`;
    if (token) this.tokens.set(`${key} ${tokenKey(token)}`, { token, answer });
    return Reply.simple(answer);
  }

  #touch([, stamp, , expiresAt, key]: readonly string[]): string {
    const entry = this.#live(key!);
    if (!entry) return Reply.nil(2);
    return Reply.simple(this.#put(key!, stamp!, { ...entry, expiresAt: Number(expiresAt) }));
  }

  #stats() {
    return {
      id: 'fake',
      epoch: 1,
      entries: this.entries.size,
      bytes: 0,
      maxEntries: 1000,
      maxBytes: 1_000_000,
      hits: 3,
      misses: 1,
      tombstones: 0,
      handoff: { slotsToGo: 0, bytesReceived: 0 },
    };
  }
}
