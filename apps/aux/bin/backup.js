#!/usr/bin/env node
// Looks at backups, and restores them into a running cluster. Builds first when it has not been built yet, or since.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const app = fileURLToPath(new URL('../', import.meta.url));
const main = join(app, 'dist/backup/cli/main.js');
const source = join(app, 'src/backup');

const newest = (directory) =>
  Math.max(
    ...readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
const isBuilt = () => existsSync(main) && (!existsSync(source) || newest(join(app, 'dist/backup')) >= newest(source));

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
    const { status, stdout, stderr } = spawnSync(process.execPath, [nx, 'build', '@dcs/aux'], {
      cwd: join(app, '../..'),
      env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
      encoding: 'utf8',
    });
    if (status !== 0) {
      process.stderr.write(`${stdout}${stderr}The build failed: see above\n`);
      process.exit(1);
    }
  }
}
await import(pathToFileURL(main).href);
