import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isAlive } from './data-lock.js';
import { helpText } from './help.js';

/**
 * "Builds" by writing what the real one would write. Files change what it does: `broken` lets it fail, `cached` lets it
 * take what it has built before for present, `slow` keeps it from ending, `main` is what it builds.
 */
const FAKE_NX = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
writeFileSync('pid', String(process.pid));
appendFileSync('builds', process.argv.slice(2).join(' ') + ' daemon ' + process.env.NX_DAEMON + '\\n');
console.log('noise of the build');
if (existsSync('slow')) return setInterval(() => undefined, 1000);
if (existsSync('cached') && !process.argv.includes('--skip-nx-cache')) process.exit(0);
if (existsSync('broken')) { console.error('error TS1: no'); process.exit(1); }
const main = existsSync('main') ? readFileSync('main') : 'console.log("runs", ...process.argv.slice(2));';
for (const app of ['launcher', 'master', 'aux']) {
  mkdirSync('apps/' + app + '/dist', { recursive: true });
  writeFileSync('apps/' + app + '/dist/main.js', main);
}
mkdirSync('libs/one/dist', { recursive: true });
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dcs-bin-'));
  const files: Record<string, string> = {
    'package.json': '{}',
    'node_modules/nx/package.json': '{"name":"nx"}',
    'node_modules/nx/bin/nx.js': FAKE_NX,
    'libs/one/package.json': '{}',
    'libs/one/src/index.ts': '1',
    'apps/launcher/package.json': '{"type":"module"}',
    'apps/launcher/src/main.ts': '1',
    'apps/master/src/main.ts': '1',
    'apps/aux/src/node/node.ts': '1',
    'apps/aux/src/node/node.spec.ts': '1',
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  cpSync(join(__dirname, '../bin'), join(root, 'apps/launcher/bin'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'apps/launcher/bin/dcs.js'), ...args], {
    cwd: tmpdir(),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const builds = (): string[] =>
  existsSync(join(root, 'builds')) ? readFileSync(join(root, 'builds'), 'utf8').split('\n').filter(Boolean) : [];

describe('bin/dcs.js', () => {
  it('builds a fresh clone without a word of the build on stdout, then starts at once', () => {
    expect(run('--aux', '5')).toEqual({
      status: 0,
      stdout: 'runs --aux 5\n',
      stderr: expect.stringMatching(/^Building .*\n$/),
    });
    expect(builds()).toEqual(['run-many -t build -p @dcs/launcher @dcs/master @dcs/aux daemon false']);
    expect(run()).toEqual({ status: 0, stdout: 'runs\n', stderr: '' });
    expect(builds()).toHaveLength(1);
  });

  it.each([
    ['a source of an app changes', (): void => appendFileSync(join(root, 'apps/aux/src/node/node.ts'), '2')],
    ['a source of a library changes', (): void => appendFileSync(join(root, 'libs/one/src/index.ts'), '2')],
    ['a source is added', (): void => writeFileSync(join(root, 'apps/master/src/more.ts'), '')],
    ['a source is removed', (): void => rmSync(join(root, 'apps/aux/src/node/node.ts'))],
    ['a package.json changes', (): void => writeFileSync(join(root, 'libs/one/package.json'), '{ }')],
    ['a result is gone', (): void => rmSync(join(root, 'libs/one/dist'), { recursive: true })],
    ['an app is not built', (): void => rmSync(join(root, 'apps/aux/dist'), { recursive: true })],
  ])('builds again when %s', (_what, change) => {
    run();
    change();
    expect(run().stdout).toBe('runs\n');
    expect(builds()).toHaveLength(2);
    run();
    expect(builds()).toHaveLength(2);
  });

  it('builds again past the cache of the build tool when results were removed, and says so when there are still none', () => {
    run();
    writeFileSync(join(root, 'cached'), '');
    rmSync(join(root, 'apps/launcher/dist'), { recursive: true });
    expect(run()).toMatchObject({ status: 0, stdout: 'runs\n' });
    expect(builds().map((line) => line.includes('--skip-nx-cache'))).toEqual([false, false, true]);
    mkdirSync(join(root, 'libs/two'));
    expect(run()).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/no .*two.dist: npx nx reset/),
    });
  });

  it.each(['--help', '-h'])('answers %s before anything is built', (option) => {
    expect(run('--aux', '5', option)).toEqual({ status: 0, stdout: `${helpText()}\n`, stderr: '' });
    expect(builds()).toEqual([]);
  });

  it('does not build for a test that changes', () => {
    run();
    appendFileSync(join(root, 'apps/aux/src/node/node.spec.ts'), '2');
    run();
    expect(builds()).toHaveLength(1);
  });

  it('shows the output of a build that fails, and starts nothing', () => {
    writeFileSync(join(root, 'broken'), '');
    const { status, stdout, stderr } = run();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/noise of the build\nerror TS1: no\nThe build failed: see above\n$/);
    rmSync(join(root, 'broken'));
    expect(run().stdout).toBe('runs\n');
  });

  it('runs what is built where the build tools are not installed, and else says what to do', () => {
    run();
    rmSync(join(root, 'node_modules'), { recursive: true });
    expect(run()).toEqual({ status: 0, stdout: 'runs\n', stderr: '' });
    rmSync(join(root, 'apps/aux/dist'), { recursive: true });
    expect(run()).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('run npm ci') });
  });
});

describe('bin/dcs.js under npm', () => {
  const MAIN = `
    import { writeFileSync } from 'node:fs';
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { writeFileSync('notes', signal); process.exit(0); });
    setInterval(() => undefined, 1000);
    console.log('up ' + process.pid);
  `;
  /** As npm does it: a shell between itself and the command, which passes nothing on. */
  const PACKAGE_MANAGER = `
    const { spawn } = require('node:child_process');
    const shell = process.argv[1] === 'shell' ? ['sh', '-c', process.env.COMMAND + '; true'] : process.env.COMMAND.split(' ');
    spawn(shell[0], shell.slice(1), { stdio: 'inherit', env: { ...process.env, npm_lifecycle_event: 'start' } });
    setInterval(() => undefined, 1000);
  `;
  let parent: ChildProcess;
  afterEach(() => parent.kill('SIGKILL'));

  async function start(
    shell: 'shell' | 'no shell',
  ): Promise<ChildProcess & { readonly stdout: NodeJS.ReadableStream }> {
    const COMMAND = `${process.execPath} ${join(root, 'apps/launcher/bin/dcs.js')}`;
    const child = spawn(process.execPath, ['-e', PACKAGE_MANAGER, shell], {
      cwd: root,
      env: { ...process.env, COMMAND },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    parent = child;
    return child;
  }

  async function until(what: () => boolean): Promise<void> {
    for (const end = Date.now() + 8_000; !what(); ) {
      if (Date.now() > end) throw new Error(`never: ${what.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it.each(['shell', 'no shell'] as const)('stops as on SIGTERM when npm is killed (%s in between)', async (shell) => {
    writeFileSync(join(root, 'main'), MAIN);
    const child = await start(shell);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(/up (\d+)/.exec(line.toString())?.[1]);
    child.kill('SIGKILL');
    await until(() => !isAlive({ pid, started: '' }));
    expect(readFileSync(join(root, 'notes'), 'utf8')).toBe('SIGTERM');
  });

  it('ends its build when npm is killed', async () => {
    writeFileSync(join(root, 'slow'), '');
    await start('shell');
    await until(() => builds().length === 1);
    const pid = Number(readFileSync(join(root, 'pid'), 'utf8'));
    parent.kill('SIGKILL');
    await until(() => !isAlive({ pid, started: '' }));
  });
});
