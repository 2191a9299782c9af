import { ConfigError } from './config-error.js';
import { readVariables } from './read-variables.js';
import { SHARED_VARIABLES, sharedProblems } from './shared-variables.js';

const none = (): string => {
  throw Object.assign(new Error(), { code: 'ENOENT' });
};
const read = (environment: Record<string, string>, readFile: (path: string) => string = none) =>
  readVariables(SHARED_VARIABLES, { environment, readFile });

function problems(environment: Record<string, string>, readFile?: (path: string) => string): readonly string[] {
  try {
    read(environment, readFile);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('what is not set, or empty, has its default', () => {
  expect(read({ DCS_REPLICAS: '' })).toMatchObject({ DCS_CLUSTER: 'dcs', DCS_REPLICAS: 2, DCS_CLUSTER_SECRET: [] });
});

test('all problems are told at once, each with the name, the value and what is expected', () => {
  expect(problems({ DCS_PORT: '1', DCS_REPLICAS: 'two', DCS_CLUSTER: '..' })).toEqual([
    'DCS_PORT: got "1", expected no such variable',
    'DCS_CLUSTER: got "..", expected 1 to 64 letters, digits, dots, underscores or dashes',
    'DCS_REPLICAS: got "two", expected an integer from 1 to 5',
  ]);
});

test('only variables of this project are looked at', () => {
  expect(problems({ PATH: '/bin', NODE_ENV: 'test' })).toEqual([]);
});

test.each([
  ['DCS_HEARTBEAT_MS', '49', '60001'],
  ['DCS_LEASE_MS', '99', '600001'],
  ['DCS_SHUTDOWN_TIMEOUT_MS', '-1', '600001'],
  ['DCS_MAX_VALUE_BYTES', '0', '1048577'],
  ['DCS_MAX_CONNECTIONS', '0', '1000001'],
  ['DCS_REPLICAS', '0', '6'],
  ['DCS_CLUSTER', '.', 'a b'],
  ['DCS_ID', 'a\nb', 'x'.repeat(129)],
  ['DCS_HOST', 'a b', 'a/b'],
  ['DCS_LOG_LEVEL', 'loud', 'INFO'],
  ['DCS_ALLOW_UNAUTHENTICATED', 'yes', '1'],
])('%s has one set of bounds for all processes: %j and %j are refused', (name, ...values) => {
  for (const value of values) expect(problems({ [name]: value })).toHaveLength(1);
});

describe('a secret', () => {
  const SECRET = 'long enough';

  test.each([
    ['a line end', `${SECRET}\n`],
    ['a line end of Windows', `${SECRET}\r\n`],
    ['blanks around it', `  ${SECRET}\t \n\n`],
    ['a byte order mark', `\uFEFF${SECRET}`],
    ['all of them', `\uFEFF \r\n ${SECRET} \r\n`],
  ])('is the same with %s', (_, text) => {
    expect(read({ DCS_CLUSTER_SECRET_FILE: '/s' }, () => text).DCS_CLUSTER_SECRET).toEqual([SECRET]);
    expect(read({ DCS_CLUSTER_SECRET: text }).DCS_CLUSTER_SECRET).toEqual([SECRET]);
  });

  test('may be two, a line each, while it is changed', () => {
    expect(read({ DCS_CLUSTER_SECRET: 'the new one\nthe old one' }).DCS_CLUSTER_SECRET).toEqual([
      'the new one',
      'the old one',
    ]);
    expect(problems({ DCS_CLUSTER_SECRET: 'one secret\ntwo secrets\nthree secrets' })).toHaveLength(1);
  });

  test.each(['short', ' \n', `${'x'.repeat(1025)}`, 'a control\u0007 character', 'not UTF-8: \uFFFD'])(
    'is not %j',
    (text) => {
      expect(problems({ DCS_CLUSTER_SECRET_FILE: '/s' }, () => text)).toEqual([
        expect.stringMatching(/^DCS_CLUSTER_SECRET_FILE: got \(hidden\), expected a line/),
      ]);
    },
  );

  test('comes from the variable or from a file, not from both, and not from a file that cannot be read', () => {
    const file = { DCS_CLUSTER_SECRET_FILE: '/s' };
    expect(problems(file)).toEqual(['DCS_CLUSTER_SECRET_FILE: got "/s", expected a file that can be read (ENOENT)']);
    expect(problems({ ...file, DCS_CLUSTER_SECRET: SECRET }, () => SECRET)).toHaveLength(1);
    expect(problems({ DCS_HOST_FILE: '/s' })).toHaveLength(1);
  });
});

describe('messages', () => {
  test.each([
    'http://me:p@ss@host',
    'http://me:p@ss/w#rd@host',
    'http://me:p@ss@h1:1,h2:2/name',
    `http://${'u'.repeat(200)}:p@ss@host`,
  ])('hide the credentials of a registry: %s', (url) => {
    const [text] = problems({ DCS_REGISTRY: url });
    expect(text).toMatch(/^DCS_REGISTRY: got "http:\/\/\(hidden\)@/);
    expect(text).not.toMatch(/me:|p@ss|w#rd|uuu/);
  });

  test('hide secrets, misspelt ones too', () => {
    const text = problems({
      ...{ DCS_CLUSTER_SECRET: 'hunter2', DCS_API_TOKENS: 'a:hunter2:root', DCS_CLUSTR_SECRET: 'hunter2' },
      DCS_REDIS_PASSWORD: 'hunter2',
    }).join('\n');
    expect(text.split('\n')).toHaveLength(4);
    expect(text).not.toContain('hunter2');
  });
});

describe('together', () => {
  const values = {
    DCS_HOST: '127.0.0.1',
    DCS_HEARTBEAT_MS: 1000,
    DCS_LEASE_MS: 3000,
    DCS_ALLOW_UNAUTHENTICATED: false,
  };
  const open = { name: 'DCS_API_TOKENS', isSet: false };

  test('a lease is at least two heartbeats', () => {
    expect(sharedProblems({ ...values, DCS_LEASE_MS: 1999 }, open)).toEqual([
      'DCS_LEASE_MS: got "1999", expected at least twice DCS_HEARTBEAT_MS (1000)',
    ]);
  });

  test('only loopback is listened on without what keeps strangers out, unless told so', () => {
    for (const host of ['localhost', '127.0.0.2', '::1', '::ffff:127.0.0.1']) {
      expect(sharedProblems({ ...values, DCS_HOST: host }, open)).toEqual([]);
    }
    const everywhere = { ...values, DCS_HOST: '0.0.0.0' };
    expect(sharedProblems(everywhere, open)).toEqual([
      expect.stringMatching(/^DCS_HOST: got "0.0.0.0", expected a loopback/),
    ]);
    expect(sharedProblems(everywhere, { ...open, isSet: true })).toEqual([]);
    expect(sharedProblems({ ...everywhere, DCS_ALLOW_UNAUTHENTICATED: true }, open)).toEqual([]);
  });
});
