import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '../..');

/** Runs what @scarf/scarf, a dependency of Swagger's page, runs after `npm ci`; resolves with what it sends. */
async function reported(root) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request.url);
    request.resume();
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const report = join(dirname(createRequire(__filename).resolve('@scarf/scarf/package.json')), 'report.js');
  const env = { PATH: process.env.PATH, INIT_CWD: root, SCARF_LOCAL_PORT: String(server.address().port) };
  await promisify(execFile)(process.execPath, [report], { cwd: dirname(report), env });
  await new Promise((resolve) => server.close(resolve));
  return requests;
}

const settings = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scarfSettings;

test('an installation reports to nobody', async () => {
  expect(await reported(ROOT)).toEqual([]);
}, 20_000);

test('what keeps it from that is the setting, and nothing else', async () => {
  const root = mkdtempSync(join(tmpdir(), 'dcs-root-'));
  const manifest = { name: 'x', version: '1.0.0', scarfSettings: { ...settings, enabled: true, allowTopLevel: true } };
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
  const requests = await reported(root);
  rmSync(root, { recursive: true });
  expect(requests).toHaveLength(1);
}, 20_000);
