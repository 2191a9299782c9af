// Writes dashboards/*.json: `npx nx generate grafana`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dashboardFiles } from './dashboards.js';

const FOLDER = new URL('../dashboards/', import.meta.url);

mkdirSync(FOLDER, { recursive: true });
for (const [name, contents] of dashboardFiles()) {
  const path = fileURLToPath(new URL(name, FOLDER));
  writeFileSync(path, contents);
  process.stdout.write(`${path}\n`);
}
