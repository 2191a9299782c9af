import { formatVersion, makeVersion } from '@dcs/protocol';
import { RawClient, startServer } from '../../test/test-server.js';
import type { AuxServer } from '../aux-server.js';

let server: AuxServer;
let client: RawClient;
beforeAll(async () => {
  server = await startServer();
  while (server.unreadyReason() !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  client = new RawClient(server.data.port);
  await client.call('DCS.HELLO', '1', 'master', 'm');
});
afterAll(async () => {
  client.close();
  await server.close();
});

test.each<[string, string, string[], string, string]>([
  ['JSON', 'j', ['APPEND', 'k', 'tail'], '{"a":1}tail', 's'],
  ['JSON', 'j', ['APPEND', 'k', ''], '{"a":1}', 'j'],
  ['a raw body', 'rimage/png', ['APPEND', 'k', 'x'], '{"a":1}x', 's'],
  ['JSON', 'j', ['SET', 'k', 'x'], 'x', 's'],
  ['JSON', 'j', ['GETSET', 'k', 'x'], 'x', 's'],
  ['JSON', 'j', ['EXPIRE', 'k', '100'], '{"a":1}', 'j'],
])('%s of kind %s is, after %j, %s of kind %s', async (_, kind, command, value, kindAfter) => {
  const stamp = formatVersion(makeVersion(Date.now(), Math.floor(Math.random() * 65_536), 1));
  await client.call('DCS.SET', server.node.ownership.epoch, stamp, '1', '-', '0', kind, 'k', '{"a":1}');
  await client.call(...command);
  expect(await client.call('GET', 'k')).toBe(value);
  expect(server.node.store.peek('k')!.kind).toBe(kindAfter);
});
