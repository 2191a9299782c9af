import { EventEmitter } from 'node:events';
import { type FakeApps, fakeApps } from '../test/fake-apps.js';
import { runCli } from './cli.js';
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './errors.js';

const FREE_PORTS = ['--port', '0', '--aux-data-port', '0', '--aux-http-port', '0'];
let fakes: FakeApps;
let signals: EventEmitter;
let out: string;
let err: string;

beforeEach(() => {
  fakes = fakeApps();
  signals = new EventEmitter();
  out = '';
  err = '';
});
afterEach(() => fakes.remove());

function run(args: string[], environment: Record<string, string> = {}): Promise<number> {
  const { root, dataDir } = fakes;
  return runCli([...FREE_PORTS, '--data', dataDir, ...args], {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    environment: { ...fakes.environment, ...environment },
    signals,
    root,
  });
}

async function until(text: string | RegExp, where = (): string => out): Promise<void> {
  for (const end = Date.now() + 8_000; where().search(text) < 0; ) {
    if (Date.now() > end) throw new Error(`no ${text} in:\n${where()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

it('shows where everything is, passes the logs on, and drains on Ctrl-C', async () => {
  const done = run(['--aux', '2', '--masters', '1']);
  await until('Ctrl-C stops everything');
  expect(out).toMatch(/^launcher \| aux-[12] is ready \(pid \d+, \d\.\d s\)$/m);
  expect(out).toMatch(/^aux-1 {4}\| \d\d:\d\d:\d\d\.\d{3} info {2}listening port=\d+$/m);
  expect(out).toMatch(/^ {2}master-1 +\d+ +http:\/\/127\.0\.0\.1:\d+$/m);
  expect(out).toMatch(/^ {2}curl -X POST http:.*\n {2}curl http:.*\/data\/hello$/m);
  signals.emit('SIGINT', 'SIGINT');
  signals.emit('SIGINT', 'SIGINT'); // What npm passes on of the same Ctrl-C.
  expect(await done).toBe(EXIT_OK);
  expect(out).toContain('launcher | SIGINT: draining');
  expect(out.match(/stopped after/g)).toHaveLength(3);
  expect(fakes.notes()).toHaveLength(6);
  expect(signals.eventNames()).toEqual([]);
  expect(err).toBe('');
});

it('prints one line of JSON on stdout with --json, and the logs on stderr', async () => {
  const done = run(['--json', '--aux', '1', '--masters', '1']);
  await until('\n');
  const [line, rest] = out.split('\n');
  expect(rest).toBe('');
  expect(JSON.parse(line ?? '')).toEqual({
    event: 'ready',
    pid: process.pid,
    data: fakes.dataDir,
    registry: `file:${fakes.dataDir}/registry`,
    replicas: 2,
    masters: [{ name: 'master-1', pid: expect.any(Number), url: expect.stringMatching(/^http:/) }],
    aux: [
      {
        name: 'aux-1',
        pid: expect.any(Number),
        host: '127.0.0.1',
        dataPort: expect.any(Number),
        httpPort: expect.any(Number),
      },
    ],
  });
  expect(err).toContain('listening');
  signals.emit('SIGTERM', 'SIGTERM');
  expect(await done).toBe(EXIT_OK);
  expect(out.split('\n')).toHaveLength(2);
});

it('keeps the logs to itself with --quiet', async () => {
  const done = run(['--quiet', '--aux', '1', '--masters', '0']);
  await until('Ctrl-C stops everything');
  expect(out).not.toContain('listening');
  expect(out).not.toContain('curl');
  signals.emit('SIGHUP', 'SIGHUP');
  expect(await done).toBe(EXIT_OK);
});

it('goes on when one aux dies, and stops with status 1 when the last one does', async () => {
  const done = run(['--json', '--aux', '2', '--masters', '1']);
  await until('\n');
  const { aux } = JSON.parse(out) as { aux: { pid: number }[] };
  process.kill(aux[0]?.pid ?? 0, 'SIGKILL');
  await until('aux-1 DIED: signal SIGKILL\n', () => err);
  await until('1 of 2 aux go on', () => err);
  process.kill(aux[1]?.pid ?? 0, 'SIGKILL');
  expect(await done).toBe(EXIT_FAILURE);
  expect(err).toContain('no aux is left: stopping the rest');
  expect(err).toMatch(/master-1 stopped after/);
});

it('can be stopped while it is starting', async () => {
  await expectStartingStopped('SIGINT');
  expect(fakes.notes().filter((note) => note.endsWith('drains')).length).toBeGreaterThan(0);
});

async function expectStartingStopped(signal: string): Promise<void> {
  const done = run(['--aux', '1', '--masters', '1'], { FAKE_MODE: 'sick' });
  await until('listening');
  signals.emit(signal, signal);
  expect(await done).toBe(EXIT_OK);
  expect(out).not.toContain('Ready.');
}

it('kills at the second Ctrl-C', async () => {
  const done = run(['--aux', '1', '--masters', '1'], { FAKE_MODE: 'deaf', DCS_SHUTDOWN_TIMEOUT_MS: '60000' });
  await until('Ctrl-C stops everything');
  signals.emit('SIGINT', 'SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 350));
  signals.emit('SIGINT', 'SIGINT');
  expect(await done).toBe(130);
  expect(out).toContain('SIGINT again');
});

it('ends with status 1 and the last words of a process that does not come up', async () => {
  expect(await run(['--aux', '1'], { FAKE_MODE: 'die' })).toBe(EXIT_FAILURE);
  expect(out).toMatch(/^launcher \| aux-1 died before it was ready: exit code 3$/m);
  expect(out).toMatch(/^launcher \| .*cannot go on reason="no cheese"$/m);
});

it('explains a wrong option', async () => {
  expect(await run(['--axu', '3'])).toBe(EXIT_USAGE);
  expect(err).toBe("Unknown option '--axu'\nnpm start -- --help lists the options\n");
  expect(await run([], { DCS_ID: 'me' })).toBe(EXIT_USAGE);
});

it('prints its help', async () => {
  expect(await run(['--help'])).toBe(EXIT_OK);
  expect(out).toContain('--aux-data-port P');
  expect(out).toContain('DCS_MAX_ENTRIES');
});
