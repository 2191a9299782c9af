import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** One HTTP request as its bytes; made by {@link rawRequest}. */
export type RawRequest = string;

export interface Load {
  readonly host: string;
  readonly port: number;
  /** Sent in turn, over and over. */
  readonly requests: readonly RawRequest[];
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
}

export function rawRequest(method: string, path: string, body?: unknown): RawRequest {
  const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`;
  if (body === undefined) return `${head}\r\n`;
  const text = JSON.stringify(body);
  return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

/** The name of the generator that is used on this machine. */
export const generator = spawnSync('wrk', ['-v']).error === undefined ? 'wrk' : 'the built-in load generator';

/**
 * Loads a server for a time, each connection waiting for its answer before it asks again.
 * @throws Error when a request failed or was not answered with 2xx: a rate of errors is not a rate
 */
export function generateLoad(load: Load): Promise<LoadResult> {
  return generator === 'wrk' ? runWrk(load) : loadBySockets(load);
}

async function runWrk({ host, port, requests, connections, seconds }: Load): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'dcs-bench-'));
  try {
    const script = join(directory, 'requests.lua');
    const list = requests.map((request) => `"${luaEscape(request)}"`).join(',\n');
    await writeFile(
      script,
      `local r = {\n${list}\n}\nlocal i = 0\nfunction request()\n  i = i % #r + 1\n  return r[i]\nend\n`,
    );
    const args = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '-s', script, `http://${host}:${port}/`];
    const { stdout } = await promisify(execFile)('wrk', args, { timeout: (seconds + 30) * 1000 });
    return parseWrk(stdout);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function parseWrk(output: string): LoadResult {
  const trouble = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(output);
  if (trouble !== null) throw new Error(`the load was not served: ${trouble[0]}`);
  const total = /(\d+) requests in/.exec(output)?.[1];
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1];
  if (total === undefined || rate === undefined) throw new Error(`wrk printed no rate:\n${output}`);
  return { requests: Number(total), perSecond: Number(rate) };
}

export function luaEscape(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[^ -!#-[\]-~]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`);
}

/** The same with sockets of this process: for machines without wrk. */
export async function loadBySockets(load: Load): Promise<LoadResult> {
  const start = performance.now();
  const end = start + load.seconds * 1000;
  let turn = 0;
  const next = () => load.requests[turn++ % load.requests.length] ?? '';
  const counts = await Promise.all(Array.from({ length: load.connections }, () => loadConnection(load, next, end)));
  const requests = counts.reduce((sum, count) => sum + count, 0);
  return { requests, perSecond: (requests / (performance.now() - start)) * 1000 };
}

/** One connection: a request, its whole answer, the next request. Resolves with the number of answers. */
function loadConnection({ host, port }: Load, next: () => RawRequest, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(next()));
    let answers = 0;
    let pending = '';
    socket.setEncoding('latin1').setNoDelay(true);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection under load')));
    socket.on('data', (chunk: string) => {
      pending += chunk;
      const size = answerSize(pending);
      if (size === undefined || pending.length < size) return;
      if (!pending.startsWith('HTTP/1.1 2')) {
        socket.destroy(new Error(`not served: ${pending.slice(0, 200)}`));
        return;
      }
      answers += 1;
      pending = pending.slice(size);
      if (performance.now() < end) socket.write(next());
      else {
        resolve(answers);
        socket.destroy();
      }
    });
  });
}

/** The length of the answer that `text` begins with; `undefined` while its head is not complete. */
export function answerSize(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1];
  return head + 4 + Number(length ?? 0);
}
