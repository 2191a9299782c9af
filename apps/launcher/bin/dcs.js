#!/usr/bin/env node
// Starts the launcher; builds it and the apps first when a source has changed since the last build that this file made.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

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

const haveResults = () => mains.every((path) => existsSync(path));

function isBuilt() {
  return haveResults() && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function build() {
  let nx;
  try {
    nx = createRequire(join(root, 'package.json')).resolve('nx/bin/nx.js');
  } catch {
    if (haveResults()) return; // Installed without the build tools: run what is there.
    process.stderr.write('Not built, and the build tools are not installed: run npm ci\n');
    process.exit(1);
  }
  process.stderr.write('Building (only when something has changed) ...\n');
  const names = apps.map((app) => `@dcs/${app}`);
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [nx, 'run-many', '-t', 'build', '-p', ...names],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
      env: { NX_CACHE_DIRECTORY: join(root, '.nx/cache'), ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
    },
  );
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}The build failed${signal === null ? '' : ` (${signal})`}: see above\n`);
    process.exit(1);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, fingerprint());
}

if (!isBuilt()) build();
await import(pathToFileURL(join(root, 'apps/launcher/dist/main.js')).href);
