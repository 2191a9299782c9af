import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_ALIVE_AGE_MS } from '../persistence/checkpoints.js';
import { ConfigError, type MemoryLimits } from '@dcs/environment';
import { type AuxConfig, loadConfig, MIN_TOMBSTONE_RETENTION_MS, VARIABLES } from './config.js';

const MIB = 2 ** 20;
const AMPLE = { heapBytes: 4096 * MIB, totalBytes: 16_384 * MIB };

function load(env: Record<string, string>, readFile = (): string => '', memory: MemoryLimits = AMPLE): AuxConfig {
  return loadConfig({ env, readFile, pid: 42, memory });
}

function problems(env: Record<string, string>, readFile?: () => string, memory?: MemoryLimits): readonly string[] {
  try {
    load(env, readFile, memory);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  return [];
}

test('an empty environment gives the defaults, frozen', () => {
  const config = load({});
  expect(config).toMatchObject({
    host: '127.0.0.1',
    dataPort: 7000,
    httpPort: 7080,
    replicas: 2,
    maxEntries: 1_000_000,
  });
  expect(config.id).toMatch(/^aux-.+-7000$/);
  expect(config.advertiseHost).toBe('127.0.0.1');
  expect(Object.isFrozen(config)).toBe(true);
});

test('on an ephemeral port the id is made of the process id', () => {
  expect(load({ DCS_DATA_PORT: '0' }).id).toMatch(/-42$/);
});

test('an empty variable is one that is not set', () => {
  expect(load({ DCS_DATA_PORT: '' }).dataPort).toBe(7000);
});

test('deletes are remembered for much longer than a disk may be wrong on how old it is', () => {
  expect(MIN_TOMBSTONE_RETENTION_MS).toBeGreaterThan(3 * MAX_ALIVE_AGE_MS);
});

test('other variables are none of its business', () => {
  expect(problems({ PATH: '/bin', NODE_ENV: 'test' })).toEqual([]);
});

test.each([
  ['DCS_DATA_PORT', '65536'],
  ['DCS_DATA_PORT', 'x'],
  ['DCS_DATA_PORT', '1e3'],
  ['DCS_REPLICAS', '0'],
  ['DCS_REPLICAS', '6'],
  ['DCS_WEIGHT', '-1'],
  ['DCS_WEIGHT', '0'],
  ['DCS_CLUSTER', 'a b'],
  ['DCS_LOG_LEVEL', 'loud'],
  ['DCS_LOG_FORMAT', 'xml'],
  ['DCS_ALLOW_UNAUTHENTICATED', 'yes'],
  ['DCS_MAX_BYTES', '1'],
  ['DCS_MAX_BYTES', 'plenty'],
  ['DCS_MAX_BYTES', '-1'],
  ['DCS_TOMBSTONE_RETENTION_MS', '59999'],
  ['DCS_ID', 'a\nb'],
])('%s=%s is refused with its name, its value and what is wanted', (name, value) => {
  const [problem, ...more] = problems({ [name]: value });
  expect(more).toEqual([]);
  expect(problem).toContain(`${name}: got ${JSON.stringify(value)}, expected `);
});

test('an unknown DCS_ variable is refused', () => {
  expect(problems({ DCS_PROT: '1' })[0]).toMatch(/^DCS_PROT: got "1", expected no such variable/);
});

test('all problems are told at once', () => {
  expect(problems({ DCS_DATA_PORT: 'x', DCS_REPLICAS: 'y', DCS_NOPE: 'z' })).toHaveLength(3);
});

test('secrets are not shown', () => {
  const all = [
    ...problems({ DCS_CLUSTER_SECRET: 'short' }),
    ...problems({ DCS_REGISTRY: 'http://user:hunter2@host' }),
    ...problems({ DCS_CLUSTER_SECRET_FILE: '/f' }, () => 'hush'),
  ];
  expect(all).toHaveLength(3);
  expect(all.join()).not.toMatch(/short|hunter2|hush/);
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
  expect(load({ DCS_REGISTRY_PASSWORD: 'p@ss/w#rd' }).registryPassword).toBe('p@ss/w#rd');
  expect(load({ DCS_REGISTRY_PASSWORD_FILE: '/p' }, () => 'x\n').registryPassword).toBe('x');
  expect(load({}).registryPassword).toBeUndefined();
});

describe('secret', () => {
  const secret = 'long enough';

  test('keeps strangers out beyond loopback, unless told otherwise', () => {
    const everywhere = { DCS_HOST: '0.0.0.0', DCS_ADVERTISE_HOST: '10.0.0.1' };
    expect(problems(everywhere)[0]).toMatch(/^DCS_HOST: /);
    expect(problems({ ...everywhere, DCS_CLUSTER_SECRET: secret })).toEqual([]);
    expect(problems({ ...everywhere, DCS_ALLOW_UNAUTHENTICATED: 'true' })).toEqual([]);
    expect(problems({ DCS_HOST: '127.0.0.5' })).toEqual([]);
  });

  test('tokens want one too: whoever says that it is a part of the cache needs no token', () => {
    const tokens = { DCS_API_TOKENS: 'ann:12345678:read' };
    expect(problems(tokens)).toEqual([
      expect.stringMatching(/^DCS_API_TOKENS: got \(hidden\), expected DCS_CLUSTER_SECRET/),
    ]);
    expect(problems({ ...tokens, DCS_CLUSTER_SECRET: secret })).toEqual([]);
  });

  test.each([
    [{}, false],
    [{ DCS_CLUSTER_SECRET: secret }, true],
    [{ DCS_CLUSTER_SECRET: secret, DCS_ALLOW_UNAUTHENTICATED: 'true' }, false],
    [{ DCS_CLUSTER_SECRET: secret, DCS_API_TOKENS: 'a:12345678:read', DCS_ALLOW_UNAUTHENTICATED: 'true' }, true],
  ])('clients need a token with %j: %s', (env, closed) => {
    expect(load(env).closedToStrangers).toBe(closed);
  });
});

test('others are told of an address that they can connect to', () => {
  const open = { DCS_ALLOW_UNAUTHENTICATED: 'true' };
  for (const host of ['0.0.0.0', '::', '0']) {
    expect(problems({ ...open, DCS_HOST: host })).toEqual([expect.stringMatching(/^DCS_ADVERTISE_HOST: got nothing/)]);
    expect(problems({ ...open, DCS_ADVERTISE_HOST: host })).toEqual([
      expect.stringMatching(/^DCS_ADVERTISE_HOST: got "/),
    ]);
  }
  expect(load({ ...open, DCS_HOST: '::', DCS_ADVERTISE_HOST: 'a' }).advertiseHost).toBe('a');
});

describe('DCS_MAX_BYTES', () => {
  const small = { heapBytes: 768 * MIB, totalBytes: 1024 * MIB };

  test('is 256 MiB by default, and less where the heap or the memory is small', () => {
    const auto = (memory: MemoryLimits) => load({}, undefined, memory).maxBytes / MIB;
    expect([auto(AMPLE), auto(small)]).toEqual([256, 256]);
    expect(auto({ ...small, totalBytes: 400 * MIB })).toBe(100);
    expect(auto({ ...small, heapBytes: 300 * MIB })).toBe(150);
    expect(load({ DCS_MAX_BYTES: 'auto' }, undefined, small).maxBytes).toBe(256 * MIB);
  });

  test.each([
    [2 ** 30, 512 * MIB, small],
    [576 * MIB + 1, 576 * MIB, { ...AMPLE, heapBytes: 768 * MIB }],
    [512 * MIB + 1, 512 * MIB, { ...AMPLE, totalBytes: 1024 * MIB }],
  ])('%d is refused where %d is the most, with the numbers: %j', (value, most, memory) => {
    const [problem, ...more] = problems({ DCS_MAX_BYTES: String(value) }, undefined, memory);
    expect(more).toEqual([]);
    expect(problem).toMatch(new RegExp(`^DCS_MAX_BYTES: got "${value}", expected at most ${most}: the heap ends at`));
    expect(problem).toContain(`the memory at ${memory.totalBytes}`);
    expect(problems({ DCS_MAX_BYTES: String(most) }, undefined, memory)).toEqual([]);
  });
});

test('to be durable before each answer takes a disk', () => {
  expect(problems({ DCS_DURABILITY: 'always' })).toEqual([expect.stringMatching(/^DCS_DURABILITY: got "always"/)]);
  expect(problems({ DCS_DURABILITY: 'always', DCS_DATA_DIR: '/data' })).toEqual([]);
});

test('the README has every variable with its default', () => {
  const readme = readFileSync(join(__dirname, '../../README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `(DCS_\w+)`\s*\| (.*?)\s*\| (.*?)\s*\|$/gm)].map(([, name, shown, means]) => [
    name,
    shown,
    means,
  ]);
  const expected = Object.entries(VARIABLES).map(([name, variable]) => [
    name,
    variable.default === '' ? '' : `\`${variable.default}\``,
    variable.means,
  ]);
  expect(rows).toEqual(expected);
});

test('the defaults in the table are those of the schema', () => {
  for (const [name, { default: shown, schema }] of Object.entries(VARIABLES)) {
    const value: unknown = schema.parse(undefined);
    if (value !== undefined) expect(`${name} ${String(value)}`).toBe(`${name} ${shown}`);
  }
});
