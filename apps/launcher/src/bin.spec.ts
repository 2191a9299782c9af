import { spawnSync } from 'node:child_process';
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

/** "Builds" by writing what the real one would write; fails when a file called `broken` is there. */
const FAKE_NX = `
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('builds', process.argv.slice(2).join(' ') + ' daemon ' + process.env.NX_DAEMON + '\\n');
console.log('noise of the build');
if (existsSync('broken')) { console.error('error TS1: no'); process.exit(1); }
for (const app of ['launcher', 'master', 'aux']) {
  mkdirSync('apps/' + app + '/dist', { recursive: true });
  writeFileSync('apps/' + app + '/dist/main.js', 'console.log("runs", ...process.argv.slice(2));');
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
