import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEFAULT_DAMPING } from './damping.js';
import { checkedOptions } from './membership-options.js';
import { MemoryRegistry } from './memory-registry.js';

const readme = readFileSync(resolve(__dirname, '../README.md'), 'utf8');
const options = checkedOptions({ cluster: 'c', registry: new MemoryRegistry() });

test.each(
  Object.entries({ ...DEFAULT_DAMPING, ...pick('heartbeatMs', 'leaseMs', 'joinTimeoutMs', 'refreshIntervalMs') }),
)('the README gives the default of %s', (name, value) => {
  const row = new RegExp(`^\\| \`${name}\` +\\| ([^|]+?) +\\|`, 'm').exec(readme);
  expect(row?.[1]).toBe(String(value));
});

test('the ACL line in the README is the one that the integration test runs with', () => {
  const test = readFileSync(resolve(__dirname, 'redis-registry.integration.spec.ts'), 'utf8');
  const commands = (text: string): string[] => [...text.matchAll(/ ?\+([a-z]+)(?=[ '\n])/g)].map(([, name]) => name!);
  const [line = ''] = /^ACL SETUSER.*\n/m.exec(readme) ?? [];
  const [tested = ''] = /const commands =[^;]*;/.exec(test) ?? [];
  expect(commands(line)).toEqual(commands(tested));
  expect(commands(line).length).toBeGreaterThan(20);
});

test('the Redis of the containers gives its user at least what the README asks for', () => {
  const start = readFileSync(resolve(__dirname, '../../../docker/redis/start.sh'), 'utf8');
  const commands = (text: string): string[] => [...text.matchAll(/ \+([a-z]+)/g)].map(([, name]) => name!);
  const [line = ''] = /^ACL SETUSER.*$/m.exec(readme) ?? [];
  const [user = ''] = /^user dcs .*$/m.exec(start) ?? [];
  expect(commands(user)).toEqual(expect.arrayContaining(commands(line)));
});

function pick(...names: (keyof typeof options)[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}
