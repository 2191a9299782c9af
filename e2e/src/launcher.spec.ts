import { once } from 'node:events';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Child, isAlive, ROOT } from './child-process.js';
import { plainEnvironment, temporaryDirectory } from './cluster.js';
import { read, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';

interface Started {
  readonly masters: readonly { readonly name: string; readonly pid: number; readonly url: string }[];
  readonly aux: readonly {
    readonly name: string;
    readonly pid: number;
    readonly host: string;
    readonly dataPort: number;
    readonly httpPort: number;
  }[];
}

const START_MS = 60_000;
const ANY_PORT = ['--port', '0', '--aux-data-port', '0', '--aux-http-port', '0'];

let directory = '';
const children: Child[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.close()));
  await rm(directory, { recursive: true, force: true });
}, START_MS);

/** `npm start -- <options>`, as a user runs it. */
function dcs(...options: string[]): Child {
  const child = new Child(['apps/launcher/bin/dcs.js', '--data', directory, ...options], plainEnvironment());
  children.push(child);
  return child;
}

/** The one line of JSON that says that everything is ready. */
async function ready(child: Child): Promise<Started> {
  return eventually(
    () => {
      if (!child.running) return JSON.parse(child.stdout || `"ended: ${child.stderr}"`) as Started;
      expect(child.stdout).toContain('\n');
      return JSON.parse(child.stdout) as Started;
    },
    { timeoutMs: START_MS },
  );
}

/** What others than its owner may do something with. */
async function openToOthers(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true });
  const open = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(path, name)).catch(() => undefined); // gone meanwhile
      return found !== undefined && (found.mode & 0o077) !== 0 ? [name] : [];
    }),
  );
  return open.flat();
}

test(
  'starts a cluster that serves, drains on SIGINT and leaves no process',
  async () => {
    const child = dcs('--json', '--masters', '2', '--aux', '3', ...ANY_PORT);
    const { masters, aux } = await ready(child);
    expect([masters.map(({ name }) => name), aux.map(({ name }) => name)]).toEqual([
      ['master-1', 'master-2'],
      ['aux-1', 'aux-2', 'aux-3'],
    ]);
    const [first, second] = masters.map(({ url }) => url) as [string, string];
    await store(first, 'through', 'the launcher');
    expect((await read(second, 'through')).json()).toMatchObject({ value: 'the launcher' });
    expect((await call(`http://${aux[0]?.host}:${aux[0]?.httpPort}`, '/health/ready')).status).toBe(200);

    expect(await openToOthers(directory)).toEqual([]);

    child.kill('SIGINT');
    const { code } = await child.ended(30_000);
    expect(code).toBe(0);
    expect([...masters, ...aux].filter(({ pid }) => isAlive(pid))).toEqual([]);
    await expect(call(first, '/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  },
  2 * START_MS,
);

test(
  'prints for people what it started and a pair of commands that work',
  async () => {
    const child = dcs('--masters', '1', '--aux', '1', '--replicas', '1', '--quiet', ...ANY_PORT);
    await eventually(() => expect(child.stdout).toMatch(/curl[^\n]*\n[^]*curl[^\n]*\n/), { timeoutMs: START_MS });
    expect(child.stdout).toMatch(/master-1.*http:\/\/127\.0\.0\.1:\d+/);
    expect(child.stdout).toMatch(/aux-1.*127\.0\.0\.1:\d+/);
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(child.stdout) ?? [''];
    expect((await call(url, '/health')).status).toBe(200);
    child.kill('SIGTERM');
    expect((await child.ended(30_000)).code).toBe(0);
  },
  2 * START_MS,
);

test(
  'a process that dies is told, and nobody starts it again',
  async () => {
    const child = dcs('--json', '--masters', '1', '--aux', '2', ...ANY_PORT);
    const { aux, masters } = await ready(child);
    process.kill(aux[1]?.pid ?? 0, 'SIGKILL');
    await eventually(() => expect(child.stderr).toMatch(/aux-2.*(died|SIGKILL)/));
    expect(child.running).toBe(true);
    expect((await call(masters[0]?.url ?? '', '/health')).status).toBe(200);
    process.kill(aux[0]?.pid ?? 0, 'SIGKILL'); // the last one
    const { code, stderr } = await child.ended(30_000);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/aux-1/)]);
    expect(masters.filter(({ pid }) => isAlive(pid))).toEqual([]);
  },
  2 * START_MS,
);

test(
  'the processes end when the launcher itself is killed',
  async () => {
    const child = dcs('--json', '--masters', '1', '--aux', '1', '--replicas', '1', ...ANY_PORT);
    const { masters, aux } = await ready(child);
    child.kill('SIGKILL');
    await eventually(() => expect([...masters, ...aux].filter(({ pid }) => isAlive(pid))).toEqual([]), {
      timeoutMs: 20_000,
    });
  },
  2 * START_MS,
);

test('a port in use is a clear error, and nothing is started', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const { code, stdout, stderr } = await dcs(
      '--port',
      String(port),
      '--aux-data-port',
      '0',
      '--aux-http-port',
      '0',
    ).ended(START_MS);
    expect(code).toBe(1);
    const output = stdout + stderr;
    expect(output).toContain(String(port));
    expect(output).toMatch(/in use/);
    expect(output).toContain('--port');
    expect(output).not.toMatch(/\bat .+:\d+:\d+/);
  } finally {
    server.close();
  }
});

test('--help names every option', async () => {
  const { code, stdout } = await dcs('--help').ended();
  expect(code).toBe(0);
  for (const option of ['--aux', '--masters', '--replicas', '--port', '--data', '--json'])
    expect(stdout).toContain(option);
});

test.each([
  [['--aux', '0'], /--aux/],
  [['--aux', 'many'], /--aux.*many/],
  [['--port', '99999'], /--port.*99999/],
  [['--replicas', '9'], /--replicas/],
  [['--nonsense'], /--nonsense/],
  [['surplus'], /surplus/],
])('%j is refused', async (options, message) => {
  const { code, stderr } = await dcs(...options).ended();
  expect([code, stderr]).toEqual([64, expect.stringMatching(message)]);
});

test(
  'a wrong variable is told by the process that refuses it',
  async () => {
    const child = new Child(['apps/launcher/bin/dcs.js', '--data', directory, ...ANY_PORT], {
      ...plainEnvironment(),
      DCS_MAX_BYTES: 'plenty',
    });
    children.push(child);
    const { code, stdout, stderr } = await child.ended(START_MS);
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/DCS_MAX_BYTES.*plenty/);
  },
  START_MS,
);

test('`npm start` is this launcher', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  expect(scripts.start).toBe('node apps/launcher/bin/dcs.js');
});
