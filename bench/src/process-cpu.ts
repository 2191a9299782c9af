import { readdirSync, readFileSync } from 'node:fs';

/**
 * Time that all threads of a process have been on a CPU, in ns. `undefined` where the kernel does not tell (not Linux,
 * or no such process). Rates change with everything else that a machine does; this hardly does.
 */
export function cpuNanoseconds(pid: number): number | undefined {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).reduce((sum, task) => sum + schedulerTime(`${tasks}/${task}/schedstat`), 0);
  } catch {
    return undefined;
  }
}

/** Threads come and go: one that ended meanwhile counts as nothing. */
function schedulerTime(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]);
  } catch {
    return 0;
  }
}

/** What a group of processes used between two moments; `undefined` when one of them cannot be read. */
export function cpuMeter(pids: readonly number[]): () => number | undefined {
  const total = (): number | undefined => {
    const each = pids.map(cpuNanoseconds);
    return each.every((value) => value !== undefined) ? each.reduce((sum, value) => sum + value, 0) : undefined;
  };
  const start = total();
  return () => {
    const end = total();
    return start === undefined || end === undefined ? undefined : end - start;
  };
}
