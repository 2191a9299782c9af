// Ends the launcher when the package manager that runs it is gone: SIGTERM to `npm start` ends npm and the shell that npm
// puts in between, and reaches nobody else. A launcher that was started by hand may outlive its shell.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

const POLL_MS = 250;
const SHELLS = new Set(['sh', 'ash', 'bash', 'busybox', 'dash', 'zsh']);
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Name and parent of a process; undefined where there is no /proc, or no such process.
 * @param {number} pid
 */
function processAt(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const end = stat.lastIndexOf(')'); // the name may hold anything, parentheses included
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) };
  } catch {
    return undefined;
  }
}

/** Emits SIGTERM in this process when the package manager is gone, unless a signal has come before. */
export function watchParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  let asked = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      asked = true;
      // With a listener a signal does nothing by default.
      if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
    });
  }
  const parent = process.ppid;
  const shell = processAt(parent);
  const manager = shell !== undefined && SHELLS.has(shell.name) ? shell.parent : undefined;
  const isGone = () => process.ppid !== parent || (manager !== undefined && processAt(parent)?.parent !== manager);
  const timer = setInterval(() => {
    if (!asked && !isGone()) return;
    clearInterval(timer);
    if (!asked) process.emit('SIGTERM', 'SIGTERM');
  }, POLL_MS);
  timer.unref();
}
