import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './child-process.js';
import {
  type Cluster,
  clusterView,
  masterUrl,
  plainEnvironment,
  startTestCluster,
  temporaryDirectory,
} from './cluster.js';
import { eventually } from './eventually.js';
import { describeWith, programPath } from './faults/prerequisite.js';
import { call } from './http.js';
import { freePort, Program, run } from './system/program.js';

jest.setTimeout(60_000);

const needed = ['redis-server', 'openssl'].filter((name) => programPath(name) === undefined);

describeWith(needed.length > 0 ? `no ${needed.join(', no ')} on this machine` : undefined, () => {
  let directory: string;
  let certificate: string;
  let redis: Program;
  let registry: string;
  let cluster: Cluster | undefined;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    certificate = join(directory, 'redis.crt');
    const key = join(directory, 'redis.key');
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
    ]);
    const port = await freePort();
    redis = new Program('redis-server', [
      ...['--port', '0', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--requirepass', 'secret'],
      ...['--tls-port', String(port), '--tls-cert-file', certificate, '--tls-key-file', key],
      ...['--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'],
    ]);
    registry = `rediss://:secret@127.0.0.1:${port}`;
    await eventually(() => expect(redis.stdout).toContain('Ready to accept connections'));
  });

  afterAll(async () => {
    await cluster?.stop();
    await redis?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('the registry is reached over TLS, with a certificate authority of its own', async () => {
    const env = { NODE_EXTRA_CA_CERTS: certificate };
    cluster = await startTestCluster(join(directory, 'cluster'), { aux: 2, registry, env });
    const url = masterUrl(cluster);
    expect((await clusterView(url)).nodes.map(({ state }) => state)).toEqual(['up', 'up']);
    expect((await call(url, '/data', { json: { key: 'k', value: 'v' } })).status).toBe(200);
    expect((await call(url, '/data/k')).json()).toMatchObject({ value: 'v' });
  });

  test('a certificate of an authority that is not known is refused, and the log says so', async () => {
    const env = { ...plainEnvironment(), DCS_REGISTRY: registry, DCS_HTTP_PORT: '0', DCS_DATA_PORT: '0' };
    const aux = new Child(['apps/aux/dist/main.js'], env);
    try {
      await eventually(() => expect(aux.stdout + aux.stderr).toMatch(/self-signed certificate/));
    } finally {
      await aux.close();
    }
  });
});
