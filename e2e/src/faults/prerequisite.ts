import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a program is; `/usr/sbin` is looked into too, which users have not on their PATH. */
export function programPath(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/**
 * Defines tests where the machine has what they need. Elsewhere there is one test instead, which fails with `CI` set and
 * otherwise tells why the others do not run.
 *
 * @param missing why they cannot run; undefined when they can
 */
export function describeWith(missing: string | undefined, tests: () => void): void {
  if (missing === undefined) return tests();
  test('the machine has what these tests need', () => {
    if (process.env['CI']) throw new Error(missing);
    process.stderr.write(`SKIPPED: ${missing}\n`);
  });
}
