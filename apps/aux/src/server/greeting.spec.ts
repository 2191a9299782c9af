import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { encodeCommandBinary } from '@dcs/resp';
import { beginsAsLink } from './greeting.js';

const NEVER_MS = 60_000;

/** What is said of a connection that begins with these bytes, and what can be read of it then. */
async function greet(bytes: string): Promise<{ isLink: boolean; left: string }> {
  const socket = new PassThrough();
  const answer = beginsAsLink(socket as unknown as Socket, NEVER_MS);
  socket.write(bytes);
  const isLink = await answer;
  const next = once(socket, 'data') as Promise<[Buffer]>;
  socket.resume();
  return { isLink, left: (await next)[0].toString() };
}

test.each([
  [['DCS.HELLO', '2', '2', 'role', 'aux'], true],
  [['AUTH', 'secret'], true],
  [['PING'], false],
  [['GET', 'DCS.HELLO'], false],
  [['DCS.STATS'], false],
])('%j begins as a link: %p, and all of it is left to read', async (command, isLink) => {
  const bytes = encodeCommandBinary(command);
  expect(await greet(bytes)).toEqual({ isLink, left: bytes });
});

test('a connection that says nothing, or ends, is none', async () => {
  expect(await beginsAsLink(new PassThrough() as unknown as Socket, 1)).toBe(false);
  const ended = new PassThrough();
  const answer = beginsAsLink(ended as unknown as Socket, NEVER_MS);
  ended.destroy();
  expect(await answer).toBe(false);
});
