import { type Server } from 'node:http';

const IDLE_CHECK_MS = 50;

/**
 * Stops accepting, lets requests finish and closes connections as they fall idle; what is left after `timeoutMs` is
 * cut. Resolves with whether nothing had to be cut.
 */
export async function drainServer(server: Server, timeoutMs: number): Promise<boolean> {
  if (!server.listening) return true;
  let cut = false;
  await new Promise<void>((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    const deadline = setTimeout(() => {
      cut = true;
      server.closeAllConnections();
    }, timeoutMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
  return !cut;
}
