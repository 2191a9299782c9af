import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';

/** What a fake answers to a command: a RESP value as it goes over the wire; undefined: it hangs. */
export type Answer = (command: readonly string[]) => string | undefined;

/** A server that takes Redis's commands and answers as it is told. */
export class FakeRedis {
  readonly commands: (readonly string[])[] = [];
  answer: Answer;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(answer: Answer) {
    this.answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(answer: Answer): Promise<FakeRedis> {
    const fake = new FakeRedis(answer);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
      for (let taken = take(received); taken; taken = take(received)) {
        received = received.slice(taken.length);
        this.commands.push(taken.command);
        const reply = this.answer(taken.command);
        if (reply !== undefined) socket.write(reply, 'latin1');
      }
    });
  }
}

export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
export const list = (...values: readonly string[]): string => `*${values.length}\r\n${values.map(bulk).join('')}`;

/** The first command, once all of it is there. */
function take(text: string): { command: string[]; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (!head) return undefined;
  const command: string[] = [];
  let at = head[0].length;
  for (let i = 0; i < Number(head[1]); i++) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20));
    if (!size) return undefined;
    at += size[0].length;
    const end = at + Number(size[1]);
    if (text.length < end + 2) return undefined;
    command.push(text.slice(at, end));
    at = end + 2;
  }
  return { command, length: at };
}
