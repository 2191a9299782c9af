import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@dcs/environment';
import { loadConfig } from './load-config.js';
import { masterSchema } from './master-config.js';

function problems(environment: Record<string, string>, readFile?: (path: string) => string): readonly string[] {
  try {
    loadConfig(environment, readFile);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('defaults are those of a gateway on loopback, frozen', () => {
  const config = loadConfig({ PATH: '/bin' });
  expect(config).toMatchObject({ DCS_HOST: '127.0.0.1', DCS_HTTP_PORT: 8080, DCS_REPLICAS: 2, DCS_API_TOKENS: [] });
  expect(config.DCS_ID).toMatch(/^master-/);
  expect(Object.isFrozen(config)).toBe(true);
});

test('every problem is told, with name, value and what is expected', () => {
  expect(problems({ DCS_HTTP_PORT: '70000', DCS_REPLICAS: 'two', DCS_PORT: '1', DCS_WEIGHT: '2' })).toEqual([
    'DCS_PORT: got "1", expected no such variable',
    'DCS_WEIGHT: got "2", expected no such variable',
    'DCS_HTTP_PORT: got "70000", expected an integer from 0 to 65535',
    'DCS_REPLICAS: got "two", expected an integer from 1 to 5',
  ]);
});

test.each([
  ['DCS_REGISTRY', 'http://x'],
  ['DCS_CLUSTER', 'a b'],
  ['DCS_ALLOW_UNAUTHENTICATED', 'yes'],
  ['DCS_LOG_LEVEL', 'loud'],
  ['DCS_MAX_VALUE_BYTES', '1048577'],
  ['DCS_LEASE_MS', '1500'],
  ['DCS_OPERATION_TIMEOUT_MS', '999'],
])('%s=%s is refused', (name, value) => {
  const found = problems({ [name]: value });
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`${name}: got "${value}", expected `);
});

test('secrets are never shown, nor are the credentials of a registry', () => {
  const found = problems({ DCS_API_TOKENS: 'admin:hunter2hunter2', DCS_REGISTRY: 'http://me:hunter2@h' });
  expect(found).toHaveLength(2);
  expect(found.join()).not.toContain('hunter2');
  expect(found.join()).toContain('DCS_API_TOKENS: got (hidden), expected name:token:role');
});

test.each([
  'redis://dcs:p@hunter2/w#rd@redis:6379',
  'redis://user:hunter2@h:99999',
  `redis://user:${'hunter2'.repeat(40)}@h:0`,
  'redis+sentinel://user:hunter2@h:26379',
])('a registry URL that nothing can be made of is refused before anything starts, and not shown: %s', (url) => {
  for (const name of ['DCS_REGISTRY', 'DCS_REGISTRI']) {
    const found = problems({ [name]: url });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^DCS_REGISTR[YI]: got "redis/);
    expect(found[0]).not.toContain('hunter2');
  }
});

test('the password of the registry is a variable of its own', () => {
  expect(loadConfig({ DCS_REGISTRY_PASSWORD: 'p@ss/w#rd' }).DCS_REGISTRY_PASSWORD).toBe('p@ss/w#rd');
  expect(loadConfig({ DCS_REGISTRY_PASSWORD_FILE: '/p' }, () => 'x\n').DCS_REGISTRY_PASSWORD).toBe('x');
});

test('tokens have a name, a token and a role', () => {
  const config = loadConfig({ DCS_API_TOKENS: 'app:12345678:write, ops:abcdefgh:admin' });
  expect(config.DCS_API_TOKENS).toEqual([
    { name: 'app', token: '12345678', role: 'write' },
    { name: 'ops', token: 'abcdefgh', role: 'admin' },
  ]);
  expect(problems({ DCS_API_TOKENS: 'app:short:write' })).toHaveLength(1);
  expect(problems({ DCS_API_TOKENS: 'app:12345678:root' })).toHaveLength(1);
});

test('a secret may come from a file, but not from both', () => {
  const files = (path: string) => {
    if (path === '/s') return 'from-a-file\n';
    throw Object.assign(new Error(), { code: 'ENOENT' });
  };
  expect(loadConfig({ DCS_CLUSTER_SECRET_FILE: '/s' }, files).DCS_CLUSTER_SECRET).toEqual(['from-a-file']);
  expect(problems({ DCS_CLUSTER_SECRET_FILE: '/t' }, files)).toEqual([
    'DCS_CLUSTER_SECRET_FILE: got "/t", expected a file that can be read (ENOENT)',
  ]);
  expect(problems({ DCS_CLUSTER_SECRET_FILE: '/s', DCS_CLUSTER_SECRET: 'another secret' }, files)).toHaveLength(1);
  expect(problems({ DCS_HOST_FILE: '/s' }, files)).toHaveLength(1);
});

test('without tokens only loopback is listened on, unless told so', () => {
  expect(problems({ DCS_HOST: '0.0.0.0' })).toHaveLength(1);
  expect(problems({ DCS_HOST: '0.0.0.0', DCS_ALLOW_UNAUTHENTICATED: 'true' })).toHaveLength(0);
  expect(problems({ DCS_HOST: '0.0.0.0', DCS_API_TOKENS: 'a:12345678:read' })).toHaveLength(0);
  for (const host of ['localhost', '127.0.0.2', '::1']) expect(problems({ DCS_HOST: host })).toHaveLength(0);
});

test('behind a load balancer its address counts, not the one that is listened on', () => {
  const inside = { DCS_HOST: '0.0.0.0', DCS_PUBLISH_ADDRESS: '127.0.0.1' };
  expect(problems(inside)).toEqual([]);
  expect(problems({ ...inside, DCS_PUBLISH_ADDRESS: '0.0.0.0' })).toEqual([
    'DCS_PUBLISH_ADDRESS: got "0.0.0.0", expected a loopback address while DCS_API_TOKENS is not set (or DCS_ALLOW_UNAUTHENTICATED=true)', // prettier-ignore
  ]);
  expect(problems({ ...inside, DCS_PUBLISH_ADDRESS: '0.0.0.0', DCS_API_TOKENS: 'a:12345678:read' })).toEqual([]);
});

test('names of this gateway are a list', () => {
  expect(loadConfig({ DCS_ALLOWED_HOSTS: 'a.example, b' }).DCS_ALLOWED_HOSTS).toEqual(['a.example', 'b']);
  expect(problems({ DCS_ALLOWED_HOSTS: 'a:80' })).toHaveLength(1);
});

test('the table in the README has every variable with its default', () => {
  const readme = readFileSync(join(__dirname, '../../README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `(DCS_\w+)` +\| (.*?) +\|/gm)].map(([, name, value]) => [name, value]);
  const shown = (value: unknown) => (value === undefined || (Array.isArray(value) && value.length === 0) ? '' : `\`${String(value)}\``); // prettier-ignore
  const expected = Object.entries(masterSchema.shape).map(([name, type]) => [name, shown(type.parse(undefined))]);
  expect(rows).toEqual(expected);
});
