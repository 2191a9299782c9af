import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Stands in for both apps: serves /health/ready, logs a line, notes in $FAKE_NOTES how it ends.
 * FAKE_MODE: die (at once, exit code 3), sick (never ready), deaf (ignores SIGTERM).
 */
const FAKE_MAIN = `
const { appendFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { DCS_ID: id, DCS_HTTP_PORT, DCS_HOST, FAKE_MODE: mode, FAKE_NOTES: notes } = process.env;
const log = (level, msg, more) => console.log(JSON.stringify({ level, time: Date.now(), pid: process.pid, msg, ...more }));
if (mode === 'die') {
  log(60, 'cannot go on', { reason: 'no cheese' });
  process.exit(3);
}
process.on('SIGTERM', () => {
  if (mode === 'deaf') return;
  appendFileSync(notes, id + ' drains\\n');
  setTimeout(() => { appendFileSync(notes, id + ' ends\\n'); process.exit(0); }, 50);
});
createServer((request, response) => {
  if (request.url === '/env') return response.end(JSON.stringify(process.env));
  if (request.url === '/die') return process.exit(7);
  const ready = request.url === '/health/ready' && mode !== 'sick';
  response.writeHead(ready ? 200 : 503).end(ready ? '{}' : 'the disk is full');
}).listen(Number(DCS_HTTP_PORT), DCS_HOST, () => log(30, 'listening', { port: Number(DCS_HTTP_PORT) }));
`;

/** A workspace in which both apps are fakes. */
export interface FakeApps {
  readonly root: string;
  readonly dataDir: string;
  /** Environment for the processes. */
  readonly environment: Record<string, string>;
  /** What the processes have noted, a line each. */
  notes(): string[];
  remove(): void;
}

export function fakeApps(): FakeApps {
  const root = mkdtempSync(join(tmpdir(), 'dcs-launcher-'));
  for (const role of ['aux', 'master']) {
    mkdirSync(join(root, 'apps', role, 'dist'), { recursive: true });
    writeFileSync(join(root, 'apps', role, 'dist', 'main.js'), FAKE_MAIN);
  }
  const notes = join(root, 'notes');
  writeFileSync(notes, '');
  return {
    root,
    dataDir: join(root, 'data'),
    environment: { PATH: process.env['PATH'] ?? '', FAKE_NOTES: notes, DCS_SHUTDOWN_TIMEOUT_MS: '1000' },
    notes: () => readFileSync(notes, 'utf8').split('\n').filter(Boolean),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
