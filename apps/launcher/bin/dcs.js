#!/usr/bin/env node
// Starts the launcher; builds it and the apps first when a source has changed since the last build that this file made.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SIGNALS, watchParent } from './parent-watch.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const apps = ['launcher', 'master', 'aux'];
const libs = readdirSync(join(root, 'libs'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const projects = [...apps.map((app) => `apps/${app}`), ...libs.map((lib) => `libs/${lib.name}`)];
const mains = apps.map((app) => join(root, `apps/${app}/dist/main.js`));
const results = [...mains, ...libs.map((lib) => join(root, `libs/${lib.name}/dist`))];
const stamp = join(root, 'node_modules/.cache/dcs-launcher/built');

/** Every source file of a directory, tests left out. */
function* sources(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (!entry.name.endsWith('.spec.ts')) yield path;
  }
}

/** Changes when a source or a result changes; reads names, sizes and times only. */
function fingerprint() {
  const hash = createHash('sha256');
  const files = ['package-lock.json', 'tsconfig.base.json', 'nx.json'].map((name) => join(root, name));
  for (const project of projects) {
    const directory = join(root, project);
    files.push(
      ...readdirSync(directory)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(directory, name)),
    );
    if (existsSync(join(directory, 'src'))) files.push(...sources(join(directory, 'src')));
  }
  for (const file of [...files.sort(), ...results]) {
    const stat = statSync(file, { throwIfNoEntry: false });
    hash.update(`${file}\n${stat?.size}\n${stat?.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

const missing = () => results.filter((path) => !existsSync(path));
const haveMains = () => mains.every((path) => existsSync(path));

function isBuilt() {
  return missing().length === 0 && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

/** Runs the build tool; it ends with this process. Resolves with how it ended and what it said. */
function run(nx, ...options) {
  const names = apps.map((app) => `@dcs/${app}`);
  const child = spawn(process.execPath, [nx, 'run-many', '-t', 'build', '-p', ...names, ...options], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { NX_CACHE_DIRECTORY: join(root, '.nx/cache'), ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (said += text));
  }
  const stop = (signal) => {
    child.kill('SIGTERM');
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: 1, signal: null, said: `${error.message}\n` }));
    child.on('close', (status, signal) => {
      for (const each of SIGNALS) process.off(each, stop);
      resolve({ status, signal, said });
    });
  });
}

async function build() {
  let nx;
  try {
    nx = createRequire(join(root, 'package.json')).resolve('nx/bin/nx.js');
  } catch {
    if (haveMains()) return; // Installed without the build tools: run what is there.
    fail('Not built, and the build tools are not installed: run npm ci');
  }
  process.stderr.write('Building (only when something has changed) ...\n');
  let { status, signal, said } = await run(nx);
  // The build tool takes results that it has made before for present, also when somebody has removed them.
  if (status === 0 && missing().length > 0) ({ status, signal, said } = await run(nx, '--skip-nx-cache'));
  if (status !== 0) fail(`${said}The build failed${signal === null ? '' : ` (${signal})`}: see above`);
  if (missing().length > 0) fail(`${said}The build made no ${missing()[0]}: npx nx reset, then try again`);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, fingerprint());
}

const options = process.argv.slice(2);
if (options.includes('--help') || options.includes('-h')) {
  process.stdout.write(readFileSync(new URL('help.txt', import.meta.url), 'utf8'));
} else if (process.platform === 'win32') {
  fail('The cluster runs on Linux and macOS. On Windows use WSL2, or docker compose up --build');
} else {
  watchParent();
  if (!isBuilt()) await build();
  await import(pathToFileURL(join(root, 'apps/launcher/dist/main.js')).href);
}
