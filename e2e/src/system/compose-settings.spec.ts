import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../child-process.js';

const PATH = `/usr/bin:${process.env['PATH'] ?? ''}`;
const works = (command: string, ...args: string[]) => spawnSync(command, args, { env: { PATH }, stdio: 'ignore' }).status === 0; // prettier-ignore
const compose = works('docker', 'compose', 'version') ? ['docker', 'compose'] : works('docker-compose', 'version') ? ['docker-compose'] : undefined; // prettier-ignore
const SECRETS = ['DCS_CLUSTER_SECRET', 'REDIS_PASSWORD', 'GRAFANA_PASSWORD'];

let directory = '';
let file = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dcs-env-'));
  file = join(directory, '.env');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const makeEnv = () => execFileSync('sh', [join(ROOT, 'docker/env.sh')], { env: { PATH, ENV_FILE: file } });
const values = () =>
  Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

describe('docker/env.sh', () => {
  test('makes the secrets, for nobody else to read, and not twice', () => {
    makeEnv();
    const made = values();
    for (const name of SECRETS) expect(made[name]).toMatch(/^[0-9a-f]{48}$/);
    expect(new Set(SECRETS.map((name) => made[name])).size).toBe(SECRETS.length);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    makeEnv();
    expect(values()).toEqual(made);
  });

  test('keeps what is there', () => {
    writeFileSync(file, 'REDIS_PASSWORD=mine\nGRAFANA_PASSWORD=\nHTTP_PORT=9000\n');
    makeEnv();
    expect(values()).toMatchObject({ REDIS_PASSWORD: 'mine', HTTP_PORT: '9000' });
    for (const name of SECRETS) expect(values()[name]).not.toBe('');
  });
});

(compose === undefined ? describe.skip : describe)('docker-compose.yml', () => {
  /** What Compose makes of it: every variable filled in. */
  function configOf(env: Record<string, string>): { readonly status: number | null; readonly text: string } {
    writeFileSync(file, '');
    const [command, ...first] = compose!;
    const args = [...first, '--env-file', file, '-f', join(ROOT, 'docker-compose.yml'), 'config'];
    const { status, stdout, stderr } = spawnSync(command!, args, { env: { PATH, HOME: directory, ...env }, encoding: 'utf8' }); // prettier-ignore
    return { status, text: stdout + stderr };
  }
  const secrets = { REDIS_PASSWORD: 'redis-secret', GRAFANA_PASSWORD: 'grafana-secret' };

  test.each(Object.keys(secrets))('starts nothing without %s, and says how it is made', (name) => {
    const { status, text } = configOf({ ...secrets, [name]: '' });
    expect(status).not.toBe(0);
    expect(text).toContain(name);
    expect(text).toContain('docker/env.sh');
  });

  test('has no password of its own', () => {
    const { status, text } = configOf(secrets);
    expect([status, text]).toEqual([0, expect.stringContaining('redis-secret')]);
    for (const line of text.split('\n').filter((each) => /PASSWORD|SECRET|TOKENS/.test(each))) {
      expect(line).toMatch(/: (redis-secret|grafana-secret|''|"")?$/);
    }
  });

  test('tells the masters where they are published, and lets them refuse that without tokens', () => {
    const { text } = configOf({ ...secrets, PUBLISH_ADDRESS: '0.0.0.0' });
    expect(text).toMatch(/DCS_PUBLISH_ADDRESS: 0\.0\.0\.0/);
    expect(text).toMatch(/DCS_ALLOW_UNAUTHENTICATED: ["']false["']/);
  });
});
