import { RespClientError } from '@dcs/resp';
import type { AuxServer } from '../src/aux-server.js';

/** What `from` sends to `to` and contains `text` gets no answer. Returns what ends that. */
export function silence(from: AuxServer, to: AuxServer, text = ''): () => void {
  const silent = new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true);
  return failing(from, to, text, (timeoutMs, fail) => setTimeout(() => fail(silent), timeoutMs));
}

/** There is no connection from `from` to `to`, which nobody refuses either. Returns what ends that. */
export function disconnect(from: AuxServer, to: AuxServer): () => void {
  const lost = new RespClientError('ERR_RESP_NOT_CONNECTED', 'not connected: lost', false);
  return failing(from, to, '', (_, fail) => queueMicrotask(() => fail(lost)));
}

function failing(
  from: AuxServer,
  to: AuxServer,
  text: string,
  how: (timeoutMs: number, fail: (error: Error) => void) => void,
): () => void {
  const { peers } = from.node.replication;
  const send = peers.send.bind(peers);
  const spy = jest.spyOn(peers, 'send').mockImplementation((id, encoded, timeoutMs, callback) => {
    if (id !== to.node.id || !encoded.includes(text)) return send(id, encoded, timeoutMs, callback);
    how(timeoutMs, (error) => callback(error, undefined));
  });
  return () => spy.mockRestore();
}
