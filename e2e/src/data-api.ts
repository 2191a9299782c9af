import { type Answer, call, type CallOptions } from './http.js';

/** What `GET /data/{key}` answers. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly ttl?: number;
  readonly version: string;
  readonly encoding?: string;
}

/** The path of a key: every byte that could mean something in a path is percent-encoded. */
export function dataPath(key: string): string {
  return `/data/${encodeURIComponent(key)}`;
}

export function store(url: string, key: string, value: unknown, ttl?: number): Promise<Answer> {
  return call(url, '/data', { json: ttl === undefined ? { key, value } : { key, value, ttl } });
}

export function read(url: string, key: string, options: CallOptions = {}): Promise<Answer> {
  return call(url, dataPath(key), options);
}

export function put(
  url: string,
  key: string,
  body: Buffer | string,
  headers: Readonly<Record<string, string>> = {},
  query = '',
): Promise<Answer> {
  return call(url, dataPath(key) + query, {
    method: 'PUT',
    body,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
}

/** The bytes of a key, whatever their content type. */
export function readRaw(url: string, key: string, accept = 'application/octet-stream'): Promise<Answer> {
  return read(url, key, { headers: { accept } });
}

export function remove(url: string, key: string): Promise<Answer> {
  return call(url, dataPath(key), { method: 'DELETE' });
}
