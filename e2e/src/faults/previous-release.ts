import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import { ROOT } from '../child-process.js';

/** The last commit of the release before: it speaks protocol version 1, and its member records state no settings. */
const COMMIT = '9eb1925';
/** Inside the workspace, so that what it depends on is found in the workspace's node_modules. */
const DIRECTORY = join(ROOT, '.dcs', `release-${COMMIT}`);
/** Where the sources of a package go. */
const OUTPUT = { libs: 'dist/esm', apps: 'dist' } as const;

/** Why the release before cannot be run here; undefined when it can. */
export function whyNoPreviousRelease(): string | undefined {
  if (existsSync(DIRECTORY)) return undefined;
  try {
    git('cat-file', '-e', `${COMMIT}^{commit}`);
    return undefined;
  } catch {
    return `the history does not have commit ${COMMIT}, the release before: a shallow clone, or none`;
  }
}

/** The root of the release before, compiled; made once. */
export function previousRelease(): string {
  if (existsSync(DIRECTORY)) return DIRECTORY;
  const draft = `${DIRECTORY}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const archive = join(draft, 'release.tar');
  git('archive', '--format=tar', '-o', archive, COMMIT, 'apps/aux', 'apps/master', 'libs');
  execFileSync('tar', ['-xf', archive, '-C', draft]);
  rmSync(archive);
  for (const group of ['libs', 'apps'] as const) {
    for (const name of readdirSync(join(draft, group))) {
      const at = join(draft, group, name);
      compile(join(at, 'src'), join(at, OUTPUT[group]));
      if (group === 'libs') link(join(draft, 'node_modules/@dcs', name), at);
    }
  }
  renameSync(draft, DIRECTORY);
  return DIRECTORY;
}

/** Types are stripped and decorators compiled; nothing is checked, as it was when that release was made. */
function compile(from: string, to: string): void {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/(?<!\.spec)\.(ts|js)$/.test(entry.name)) continue;
    const target = join(to, source.slice(from.length)).replace(/\.ts$/, '.js');
    mkdirSync(dirname(target), { recursive: true });
    const code = readFileSync(source, 'utf8');
    writeFileSync(target, entry.name.endsWith('.ts') ? transformed(code, source) : code);
  }
}

function transformed(code: string, filename: string): string {
  return transformSync(code, {
    filename,
    swcrc: false,
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      keepClassNames: true,
    },
  }).code;
}

function link(path: string, to: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join('..', '..', to.slice(to.indexOf('libs/'))), path);
}

function git(...args: string[]): void {
  execFileSync('git', args, { cwd: ROOT, stdio: 'pipe' });
}
