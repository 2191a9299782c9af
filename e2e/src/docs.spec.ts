import { masterUrl, useCluster } from './cluster.js';
import { call } from './http.js';

interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Operation {
  readonly summary?: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

const cluster = useCluster({ aux: 1, replicas: 1 });
const url = () => masterUrl(cluster());

test('/docs is a page', async () => {
  const answer = await call(url(), '/docs', { headers: { accept: 'text/html' } });
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^text\/html/);
  expect(answer.text).toMatch(/swagger/i);
});

test('what the page loads is served by the gateway itself', async () => {
  const { text } = await call(url(), '/docs', { headers: { accept: 'text/html' } });
  const files = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const { host, pathname } = new URL(file, `${url()}/docs`);
    expect(host).toBe(new URL(url()).host);
    expect((await call(url(), pathname)).status).toBe(200);
  }
});

describe('/docs-json', () => {
  const document = async () => (await call(url(), '/docs-json')).json<OpenApi>();

  test('is an OpenAPI document', async () => {
    const { openapi, info } = await document();
    expect(openapi).toMatch(/^3\./);
    expect(info).toMatchObject({ title: expect.stringMatching(/./), version: expect.stringMatching(/\d/) });
  });

  test.each([
    ['post', '/data', ['200', '400', '413']],
    ['get', '/data/{key}', ['200', '304', '404']],
    ['head', '/data/{key}', ['200', '404']],
    ['put', '/data/{key}', ['200', '201', '412']],
    ['delete', '/data/{key}', ['200', '404']],
    ['post', '/data/{key}/incr', ['200', '409']],
    ['post', '/data/{key}/touch', ['200', '404']],
    ['post', '/data/bulk', ['200', '207', '503']],
    ['post', '/data/bulk/get', ['200', '503']],
    ['post', '/data/bulk/delete', ['200']],
    ['get', '/cluster', ['200']],
    ['get', '/cluster/keys/{key}', ['200']],
    ['post', '/cluster/nodes/{id}/drain', ['202']],
    ['post', '/cluster/backup', ['202', '503']],
    ['get', '/health', ['200']],
    ['get', '/health/live', ['200']],
    ['get', '/health/ready', ['200', '503']],
    ['get', '/metrics', ['200']],
  ])('describes %s %s', async (method, path, statuses) => {
    const operation = (await document()).paths[path]?.[method];
    expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(statuses));
    expect(operation?.summary).toMatch(/./);
  });

  test('every path that it describes is served', async () => {
    for (const [path, operations] of Object.entries((await document()).paths)) {
      for (const method of Object.keys(operations)) {
        const { status } = await call(url(), path.replace('{key}', 'k').replace('{id}', 'nobody'), {
          method: method.toUpperCase(),
          ...(method === 'post' ? { json: {} } : {}),
        });
        expect([method, path, status]).not.toEqual([method, path, 405]);
        expect(status).not.toBe(501);
      }
    }
  });
});
