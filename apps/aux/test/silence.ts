import { RespClientError } from '@dcs/resp';
import type { AuxServer } from '../src/aux-server.js';
import type { Peers } from '../src/replication/peers/peers.js';

/** What `from` sends to `to` and contains `text` gets no answer. Returns what ends that. */
export function silence(from: AuxServer, to: AuxServer, text = ''): () => void {
  const silent = new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true);
  return failing(from, to, text, (timeoutMs, fail) => setTimeout(() => fail(silent), timeoutMs).unref());
}

/** There is no connection from `from` to `to`, which nobody refuses either. Returns what ends that. */
export function disconnect(from: AuxServer, to: AuxServer): () => void {
  const lost = new RespClientError('ERR_RESP_NOT_CONNECTED', 'not connected: lost', false);
  return failing(from, to, '', (_, fail) => queueMicrotask(() => fail(lost)));
}

interface Rule {
  readonly to: string;
  readonly text: string;
  readonly how: (timeoutMs: number, fail: (error: Error) => void) => void;
}

/** By the peers of each node that some rule is for. */
const rules = new WeakMap<Peers, Set<Rule>>();

function failing(from: AuxServer, to: AuxServer, text: string, how: Rule['how']): () => void {
  const { peers } = from.node.replication;
  const set = rules.get(peers) ?? new Set<Rule>();
  if (!rules.has(peers)) {
    rules.set(peers, set);
    const send = peers.send.bind(peers);
    jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      const rule = [...set].find((each) => each.to === id && encoded.includes(each.text));
      if (rule === undefined) send(id, encoded, decode, timeoutMs, callback);
      else rule.how(timeoutMs, (error) => callback(error, undefined as never));
    });
  }
  const rule: Rule = { to: to.node.id, text, how };
  set.add(rule);
  return () => set.delete(rule);
}
