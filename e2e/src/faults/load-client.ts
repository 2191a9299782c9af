import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadClientOptions {
  /** Addresses of the masters, taken in turn. */
  readonly urls: readonly string[];
  /** Repeats of a call without a usable answer, each at the next master. @defaultValue 0 */
  readonly retries?: number;
  /** @defaultValue 10000: longer than a gateway takes for an operation */
  readonly timeoutMs?: number;
}

export interface LoadCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly json?: unknown;
  readonly idempotencyKey?: string;
}

export interface LoadAnswer {
  /** 0: no answer. */
  readonly status: number;
  readonly text: string;
  /** Attempts made. */
  readonly attempts: number;
}

const RETRY_PAUSE_MS = 50;

/** Calls masters over kept connections, as an application does, and never throws. */
export class LoadClient {
  readonly #options: LoadClientOptions;
  readonly #agent = new Agent({ keepAlive: true });
  #next = 0;

  constructor(options: LoadClientOptions) {
    this.#options = options;
  }

  async call(call: LoadCall): Promise<LoadAnswer> {
    const { urls, retries = 0 } = this.#options;
    const first = this.#next++;
    for (let attempts = 1; ; attempts++) {
      const answer = await this.#once(urls[(first + attempts - 1) % urls.length]!, call);
      if ((answer.status !== 0 && answer.status < 500) || attempts > retries) return { ...answer, attempts };
      await sleep(RETRY_PAUSE_MS);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #once(url: string, { method, path, json, idempotencyKey }: LoadCall): Promise<{ status: number; text: string }> {
    const { hostname, port } = new URL(url);
    const { timeoutMs = 10_000 } = this.#options;
    const body = json === undefined ? undefined : JSON.stringify(json);
    const headers: Record<string, string | number> = {};
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    return new Promise((resolve) => {
      const failed = (error: Error): void => resolve({ status: 0, text: error.message });
      const outgoing = request({ hostname, port, path, method, headers, agent: this.#agent }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', failed);
        incoming.on('end', () => {
          clearTimeout(timer);
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
        });
      });
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
      outgoing.on('error', (error) => {
        clearTimeout(timer);
        failed(error);
      });
      outgoing.end(body);
    });
  }
}
