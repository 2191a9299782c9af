import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Child } from './child-process.js';
import { plainEnvironment, temporaryDirectory } from './cluster.js';

const EXIT_CONFIG = 78;
const SECRET = 'a-secret-that-is-not-shown';

let directory = '';
let server: Server;

beforeAll(async () => {
  directory = await temporaryDirectory();
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

/** Starts one app as an operator would and waits for its end. */
async function run(app: string, env: Record<string, string>) {
  const child = new Child([`apps/${app}/dist/main.js`], {
    ...plainEnvironment(),
    DCS_REGISTRY: `file:${join(directory, 'registry')}`,
    DCS_HTTP_PORT: '0',
    ...(app === 'aux' ? { DCS_DATA_PORT: '0' } : {}),
    ...env,
  });
  try {
    return await child.ended();
  } finally {
    await child.close();
  }
}

const WRONG: readonly Readonly<Record<string, readonly [value: string, expected: RegExp]>>[] = [
  {
    DCS_HTTP_PORT: ['70000', /65535/],
    DCS_REPLICAS: ['0', /1/],
    DCS_REGISTRY: ['ftp://example.org', /file:.*redis/],
    DCS_HEARTBEAT_MS: ['1.5', /integer/],
    DCS_LOG_LEVEL: ['loud', /info/],
    DCS_ALLOW_UNAUTHENTICATED: ['maybe', /true/],
    DCS_MAX_VALUE_BYTES: ['-1', /integer/],
    DCS_NO_SUCH_THING: ['1', /no such|does not exist/],
  },
  {
    DCS_HTTP_PORT: ['http', /integer/],
    DCS_HTTP_PROT: ['8080', /no such|does not exist/],
    DCS_REPLICAS: ['9', /5/],
    DCS_CLUSTER: ['two words', /letters/],
    DCS_SHUTDOWN_TIMEOUT_MS: ['soon', /integer/],
  },
];

describe.each(['master', 'aux'])('%s', (app) => {
  test.each(WRONG.map((wrong, index) => [index, wrong] as const))(
    'tells every wrong variable with its value and what is expected (%d)',
    async (_, wrong) => {
      const env = Object.fromEntries(Object.entries(wrong).map(([name, [value]]) => [name, value]));
      const { code, stdout, stderr } = await run(app, env);
      expect(code).toBe(EXIT_CONFIG);
      const lines = stderr.split('\n');
      for (const [name, [value, expected]] of Object.entries(wrong)) {
        const line = lines.find((each) => each.includes(`${name}:`));
        expect([name, line]).toEqual([name, expect.stringContaining(value)]);
        expect([name, line]).toEqual([name, expect.stringMatching(expected)]);
      }
      expect(stderr).not.toMatch(/\bat .+:\d+:\d+/);
      expect(stdout).not.toMatch(/listening/i);
    },
  );

  test('is not open to other hosts without a token or secret', async () => {
    const { code, stderr } = await run(app, { DCS_HOST: '0.0.0.0' });
    expect([code, stderr]).toEqual([EXIT_CONFIG, expect.stringContaining('DCS_HOST')]);
  });

  test('a secret is not shown, whatever is wrong with it', async () => {
    const { code, stdout, stderr } = await run(app, {
      DCS_CLUSTER_SECRET: SECRET,
      DCS_CLUSTER_SECRET_FILE: join(directory, 'no such file'),
    });
    expect([code, stderr]).toEqual([EXIT_CONFIG, expect.stringContaining('DCS_CLUSTER_SECRET')]);
    expect(stdout + stderr).not.toContain(SECRET);
  });

  test('a port in use is a clear error', async () => {
    const { port } = server.address() as AddressInfo;
    const { code, stdout, stderr } = await run(app, { DCS_HTTP_PORT: String(port) });
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(new RegExp(`(EADDRINUSE|in use).*${port}|${port}.*(EADDRINUSE|in use)`));
  });
});

test('master: tokens that are none are refused and not shown', async () => {
  const { code, stdout, stderr } = await run('master', { DCS_API_TOKENS: `ann:${SECRET}:owner` });
  expect([code, stderr]).toEqual([EXIT_CONFIG, expect.stringMatching(/DCS_API_TOKENS.*(read|write|admin)/)]);
  expect(stdout + stderr).not.toContain(SECRET);
});

test('aux: a data port in use is a clear error', async () => {
  const { port } = server.address() as AddressInfo;
  const { code, stdout, stderr } = await run('aux', { DCS_DATA_PORT: String(port) });
  expect(code).not.toBe(0);
  expect(stdout + stderr).toMatch(new RegExp(`(EADDRINUSE|in use).*${port}|${port}.*(EADDRINUSE|in use)`));
});
