// Preloaded (node --import) into every process that the launcher starts. The launcher holds the other end of an IPC
// channel and never writes to it: when the launcher is gone, kill -9 included, the channel closes and the process
// drains as it does on SIGTERM. The apps know nothing of this.
import { isMainThread } from 'node:worker_threads';

const DEFAULT_SHUTDOWN_TIMEOUT_MS = 10_000; // of the apps
const MARGIN_MS = 2_000; // what the launcher gives on top before it kills

function drain() {
  // The launcher also read the log: writing it now fails, and that must not cut the draining short.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const timeoutMs = Number(process.env.DCS_SHUTDOWN_TIMEOUT_MS ?? DEFAULT_SHUTDOWN_TIMEOUT_MS);
  const limitMs = (Number.isFinite(timeoutMs) ? timeoutMs : DEFAULT_SHUTDOWN_TIMEOUT_MS) + MARGIN_MS;
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), limitMs).unref();
  process.kill(process.pid, 'SIGTERM');
}

if (isMainThread && process.connected !== undefined) {
  process.once('disconnect', drain);
  // The listener must not keep alive a process that has finished.
  process.channel?.unref();
  if (!process.connected) drain(); // closed before anyone listened
}
