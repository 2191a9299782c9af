import { type IncomingHttpHeaders, request, type RequestOptions } from 'node:http';

export interface CallOptions {
  /** @defaultValue 'GET', or 'POST' with `json` */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A body that is sent as it is. */
  readonly body?: Buffer | string;
  /** A body that is sent as JSON, with its content type. */
  readonly json?: unknown;
  readonly token?: string;
  /** @defaultValue 20000 */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON; the caller says what it expects it to be. */
  json<T = unknown>(): T;
}

/**
 * One HTTP request with the path and headers exactly as given (`fetch` would rewrite both), each on a connection of
 * its own so that a test leaves none open.
 */
export function call(baseUrl: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(baseUrl);
  const body = options.json === undefined ? options.body : JSON.stringify(options.json);
  const headers: Record<string, string | number> = { ...options.headers };
  if (options.json !== undefined) headers['content-type'] ??= 'application/json';
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (body !== undefined) headers['content-length'] = Buffer.byteLength(body);
  const method = options.method ?? (options.json === undefined ? 'GET' : 'POST');
  return exchange(
    { host: hostname, port, path, method, headers, agent: false, timeout: options.timeoutMs ?? 20_000 },
    body,
  );
}

function exchange(options: RequestOptions, body: Buffer | string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve(answer(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks))));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${options.method} ${options.path} in time`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function answer(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  const text = body.toString('utf8');
  return { status, headers, body, text, json: <T>() => JSON.parse(text) as T };
}
