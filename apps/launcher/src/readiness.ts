import { get } from 'node:http';

/** Of an answer that says why not, as much as fits a message. */
const MAX_REASON_CHARACTERS = 300;

export type Readiness = { readonly ready: true } | string;

/**
 * Asks a health URL once: ready on 200, else what it answered, in a few words.
 * Never rejects; a process that takes longer than `timeoutMs` is not ready.
 */
export function probe(url: string, timeoutMs: number): Promise<Readiness> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, headers: { connection: 'close' } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body = (body + chunk).slice(0, MAX_REASON_CHARACTERS)));
      response.on('error', () => undefined); // 'close' follows
      response.on('close', () => {
        clearTimeout(timer);
        const { statusCode } = response;
        resolve(statusCode === 200 ? { ready: true } : `${statusCode ?? 'nothing'} ${body}`.trimEnd());
      });
    });
    const timer = setTimeout(() => request.destroy(new Error(`nothing within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(error.code === 'ECONNREFUSED' ? 'nothing (connection refused)' : error.message);
    });
  });
}
