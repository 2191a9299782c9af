import type { Socket } from 'node:net';

/** How a part of the cache begins: with its hello, or in protocol version 1 with the secret. */
const GREETING = /^\*\d{1,3}\r\n\$(?:9\r\nDCS\.HELLO|4\r\nAUTH)\r\n/;

/**
 * Waits for the first bytes of a connection, and tells whether they can be those of another part of the cache. The bytes
 * are left to be read. False as well when the connection ends, and after `timeoutMs`.
 */
export function beginsAsLink(socket: Socket, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isLink: boolean) => {
      clearTimeout(timer);
      socket.off('data', first);
      socket.off('close', gone);
      socket.pause();
      resolve(isLink);
    };
    const first = (chunk: Buffer) => {
      settle(GREETING.test(chunk.toString('latin1', 0, 32)));
      socket.unshift(chunk);
    };
    const gone = () => settle(false);
    const timer = setTimeout(gone, timeoutMs);
    socket.on('data', first);
    socket.on('close', gone);
  });
}
