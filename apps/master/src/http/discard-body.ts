import { type IncomingMessage } from 'node:http';

/** The rest of a refused body is read and thrown away up to this; what is larger is cut off. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
/** How long to wait for more of it. */
const IDLE_MS = 500;

/**
 * Calls back when the client has sent its body, or will not soon. An answer that ends the connection while the client is
 * still sending is lost to most clients: they see the connection break before they read why.
 */
export function discardBody(request: IncomingMessage, done: () => void): void {
  const announced = request.headers['content-length'];
  if (announced === undefined || Number(announced) > MAX_DISCARDED_BYTES || request.readableEnded) return done();
  const finish = () => {
    clearTimeout(timer);
    request.off('data', onData).off('end', finish).off('close', finish);
    done();
  };
  const onData = () => void timer.refresh();
  const timer = setTimeout(finish, IDLE_MS);
  request.on('data', onData).on('end', finish).on('close', finish);
}
