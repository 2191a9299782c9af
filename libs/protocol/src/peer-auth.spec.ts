import { Decoder, type Handshake, type RespValue } from '@dcs/resp';
import { PeerAuth, type PeerAuthOptions, type PeerTarget, plainHello, PROOF_TIMEOUT_MS } from './peer-auth.js';

const SECRET = 'a secret of the cluster';
const NODE: PeerTarget = { id: 'aux-1', address: '10.0.0.1:7000', versions: { min: 2, max: 2 } };

let now: number;
let nonces: number;
beforeEach(() => {
  now = 0;
  nonces = 0;
});

const base = (): PeerAuthOptions => ({
  ...{ role: 'aux', id: NODE.id, address: () => NODE.address, cluster: 'dcs', secrets: [SECRET] },
  ...{ monotonic: () => now, nonce: () => (++nonces).toString(16).padStart(32, '0') },
});
const node = (changes: Partial<PeerAuthOptions> = {}) => new PeerAuth({ ...base(), ...changes });
const gateway = (changes: Partial<PeerAuthOptions> = {}) =>
  new PeerAuth({ ...base(), role: 'master', id: 'master-1', address: () => '', ...changes });

function parsed(encoded: string): RespValue {
  const decoder = new Decoder({ bulk: 'binary' });
  decoder.push(Buffer.from(encoded, 'latin1'));
  decoder.next();
  return decoder.value;
}

/** @param target null: whoever answers */
function steps(auth: PeerAuth, target: PeerTarget | null = NODE): Handshake {
  const handshake = auth.handshake(target ?? undefined);
  if (typeof handshake !== 'function') throw new Error('a plain handshake');
  return handshake();
}

/** Runs both sides; `wire` may change what the client says, `back` what the node answers. */
function meet(
  client: PeerAuth,
  server: PeerAuth,
  { target = NODE as PeerTarget | null, wire = (args: string[]) => args, back = (reply: string[]) => reply } = {},
) {
  const handshake = steps(client, target);
  const hello = wire([...(handshake.next().value as string[])]);
  const { reply, peer, challenge } = server.greet(hello);
  const heard = back(parsed(reply) as string[]);
  const next = handshake.next(heard);
  if (next.done) return { peer: challenge === undefined ? peer : undefined, hello, heard, proof: undefined, challenge };
  const [command, proof] = next.value as [string, string];
  expect(command).toBe('DCS.AUTH');
  return { peer: server.isProven(challenge!, proof) ? peer : undefined, hello, heard, proof, challenge };
}

test('both sides prove that they know the secret, which is never sent', () => {
  const { peer, hello, heard, proof } = meet(gateway(), node());
  expect(peer).toEqual({ role: 'master', id: 'master-1', version: 2 });
  expect([...hello, ...heard, proof].join(' ')).not.toContain(SECRET);
  expect(proof).toMatch(/^[0-9a-f]{64}$/);
});

test('ids and clusters of any characters survive', () => {
  const id = 'nœud 1 %41,\r\n';
  const { peer } = meet(gateway({ id }), node({ id: 'ñ' }), { target: { ...NODE, id: 'ñ' } });
  expect(peer?.id).toBe(id);
});

test('without a secret the hello is all', () => {
  const { peer, proof } = meet(gateway({ secrets: [] }), node({ secrets: [] }));
  expect(peer).toEqual({ role: 'master', id: 'master-1', version: 2 });
  expect(proof).toBeUndefined();
});

test('a node that does not know the secret gets neither a proof nor anything else', () => {
  for (const secrets of [[], ['another secret']]) {
    expect(() => meet(gateway(), node({ secrets }))).toThrow('has not proven');
  }
  expect(() => meet(gateway({ secrets: [] }), node())).toThrow('the node has a cluster secret, this process none');
});

test('a node that is not the one the member record names is refused', () => {
  expect(() => meet(gateway(), node({ id: 'aux-2' }))).toThrow('id of the node: got "aux-2", want aux-1');
  expect(() => meet(gateway(), node({ address: () => '10.0.0.9:7000' }))).toThrow('address of the node');
  expect(meet(gateway(), node({ id: 'aux-2' }), { target: null }).peer).toBeDefined(); // a tool asks anybody
});

test('processes of different clusters refuse each other', () => {
  expect(() => meet(gateway({ cluster: 'other' }), node())).toThrow('cluster: got "other", want dcs');
});

test('a client that does not know the secret is no peer', () => {
  const server = node();
  const { challenge } = server.greet(steps(gateway({ secrets: ['a wrong secret'] })).next().value as string[]);
  for (const proof of ['', 'zz', '0'.repeat(64), SECRET]) expect(server.isProven(challenge!, proof)).toBe(false);
});

test('a proof is good for one challenge only, and not for long', () => {
  const server = node();
  const { hello, proof, challenge } = meet(gateway(), server);
  expect(server.isProven(server.greet(hello).challenge!, proof!)).toBe(false); // another nonce
  now = PROOF_TIMEOUT_MS;
  expect(server.isProven(challenge!, proof!)).toBe(true);
  now++;
  expect(server.isProven(challenge!, proof!)).toBe(false);
});

test("a node's own proof cannot be sent back to it", () => {
  const server = node();
  const { heard, challenge } = meet(gateway(), server);
  expect(server.isProven(challenge!, heard.at(-1)!)).toBe(false);
});

test('a node does not take its own nonce back as another node', () => {
  const client = gateway();
  const handshake = steps(client);
  const hello = handshake.next().value as string[];
  const nonce = hello[hello.indexOf('nonce') + 1]!;
  const heard = parsed(node({ nonce: () => nonce }).greet(hello).reply) as string[];
  expect(() => handshake.next(heard)).toThrow('nonce of the node');
});

test('whoever changes a word on the way is found out', () => {
  const hello = steps(gateway()).next().value as string[];
  for (let i = 4; i < hello.length; i += 2) {
    if (['nonce', 'cluster', 'role'].includes(hello[i - 1]!)) continue; // of one form only: refused before any proof
    const wire = (args: string[]) => args.with(i, `${args[i]}1`);
    expect(() => meet(gateway(), node(), { wire })).toThrow('has not proven');
  }
  const { heard } = meet(gateway(), node());
  for (let i = 1; i < heard.length; i += 2) {
    const back = (reply: string[]) => reply.with(i, `${reply[i]}1`);
    expect(() => meet(gateway(), node(), { back })).toThrow();
  }
});

test('fields that a later version adds are covered by the proofs and otherwise ignored', () => {
  const server = node();
  const client = gateway();
  const { challenge } = server.greet([...(steps(client).next().value as string[]), 'later', 'x']);
  expect(challenge?.transcript.slice(-16).join(' ')).toContain('nonce');
  expect(challenge?.transcript).toContain('later');
});

test.each([
  ['no fields', ['DCS.HELLO', '2', '2']],
  ['a version that is not spoken', ['DCS.HELLO', '3', '9', 'role', 'aux', 'nonce', '0'.repeat(32), 'cluster', 'dcs']],
  ['no version', ['DCS.HELLO', 'x', 'y', 'role', 'aux', 'nonce', '0'.repeat(32), 'cluster', 'dcs']],
  ['a strange role', ['DCS.HELLO', '2', '2', 'role', 'king', 'nonce', '0'.repeat(32), 'cluster', 'dcs']],
  ['a short nonce', ['DCS.HELLO', '2', '2', 'role', 'aux', 'nonce', '00', 'cluster', 'dcs']],
  ['a field twice', ['DCS.HELLO', '2', '2', 'role', 'aux', 'role', 'aux', 'nonce', '0'.repeat(32), 'cluster', 'dcs']],
  ['a name without a value', ['DCS.HELLO', '2', '2', 'role']],
  ['broken escapes', ['DCS.HELLO', '2', '2', 'role', '%', 'nonce', '0'.repeat(32), 'cluster', 'dcs']],
])('a hello with %s is refused', (_, args) => {
  expect(() => node().greet(args)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_PEER' }));
});

test.each(
  [null, 'OK', [], ['proofs'], ['a', 1], ['version', '2', 'proofs', null], ['version', '2']].map((each) => [each]),
)('an answer %j is no answer', (reply) => {
  const handshake = steps(gateway());
  handshake.next();
  expect(() => handshake.next(reply as RespValue)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_PEER' }));
});

describe('a rotation of the secret', () => {
  const OLD = 'the secret before';

  test('goes one process after the other: whoever has both meets those that have one', () => {
    const both = [SECRET, OLD];
    for (const [mine, theirs] of [
      [both, [OLD]],
      [[OLD], both],
      [both, [SECRET]],
      [both, [OLD, SECRET]],
    ] as const) {
      expect(meet(gateway({ secrets: mine }), node({ secrets: theirs })).peer).toBeDefined();
    }
    expect(() => meet(gateway({ secrets: [OLD] }), node())).toThrow('has not proven');
  });
});

test('a secret can be replaced while the process runs, one process after the other', () => {
  const [client, server] = [gateway(), node()];
  const newest = 'the newest secret';
  for (const [auth, secrets] of [
    [server, [SECRET, newest]],
    [client, [newest, SECRET]],
    [server, [newest]],
    [client, [newest]],
  ] as const) {
    // prettier-ignore
    auth.replaceSecrets(secrets);
    expect(meet(client, server).peer).toBeDefined();
  }
  expect(() => meet(gateway(), server)).toThrow('has not proven');
  expect(() => client.replaceSecrets([])).toThrow('takes a restart');
  expect(() => node({ secrets: [] }).replaceSecrets([newest])).toThrow('takes a restart');
});

describe('nodes of the release before', () => {
  const old: PeerTarget = { ...NODE, versions: { min: 1, max: 1 } };

  test('get no secret unless that is allowed', () => {
    expect(gateway().versions).toEqual({ min: 2, max: 2 });
    expect(() => steps(gateway(), old).next()).toThrow('aux-1 speaks protocol versions 1 to 1 only');
    const allowed = gateway({ allowsPlain: true });
    expect(allowed.versions).toEqual({ min: 1, max: 2 });
    expect(allowed.handshake(old)).toEqual([['AUTH', SECRET], plainHello('master', 'master-1')]);
  });

  test('are greeted their way where there is no secret', () => {
    expect(gateway({ secrets: [] }).handshake(old)).toEqual([['DCS.HELLO', '1', 'master', 'master-1']]);
  });
});
