/** The rate in the CSV of redis-benchmark. */
export function parseRedisBenchmark(csv: string, command: string): number {
  const rate = new RegExp(`^"${command}","([\\d.]+)"`, 'm').exec(csv)?.[1];
  if (rate === undefined) throw new Error(`redis-benchmark printed no rate for ${command}:\n${csv}`);
  return Number(rate);
}
