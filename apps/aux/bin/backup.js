#!/usr/bin/env node
// Looks at backups, and restores them into a running cluster. Builds first when it has not been built yet, or since.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const app = fileURLToPath(new URL('../', import.meta.url));
const main = join(app, 'dist/backup/cli/main.js');
const source = join(app, 'src/backup');
const libs = join(app, '../../libs');
const results = [
  main,
  ...readdirSync(libs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(libs, name, 'dist')),
];

const newest = (directory) =>
  Math.max(
    ...readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
const hasResults = () => results.every((path) => existsSync(path));
const isBuilt = () => hasResults() && (!existsSync(source) || newest(join(app, 'dist/backup')) >= newest(source));

/** Ends this process when the build fails. */
function build(nx, ...more) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [nx, 'build', '@dcs/aux', ...more], {
    cwd: join(app, '../..'),
    env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
    encoding: 'utf8',
  });
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}The build failed: see above\n`);
  process.exit(1);
}

const options = process.argv.slice(2);
if (options.includes('--help') || options.includes('-h')) {
  process.stdout.write(readFileSync(new URL('help.txt', import.meta.url), 'utf8'));
  process.exit();
}
if (!isBuilt()) {
  let nx;
  try {
    nx = createRequire(join(app, 'package.json')).resolve('nx/bin/nx.js');
  } catch {
    if (!existsSync(main)) {
      process.stderr.write('Not built, and the build tools are not installed: run npm ci && npm run build\n');
      process.exit(1);
    }
  }
  if (nx !== undefined) {
    process.stderr.write('Building (only when something has changed) ...\n');
    build(nx);
    // The build tool takes results that it has made before for present, also when somebody has removed them.
    if (!hasResults()) build(nx, '--skip-nx-cache');
  }
}
await import(pathToFileURL(main).href);
