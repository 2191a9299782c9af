import { Session, type ServerContext } from '@dcs/aux/commands/session';
import type { Dispatcher } from '@dcs/aux/gate/dispatcher';
import type { Later } from '@dcs/aux/commands/later-reply';
import { ReplyQueue } from '@dcs/aux/server/reply-queue';
import { RequestDecoder } from '@dcs/resp';
import type { SimProcess } from '../kernel/sim-process.js';
import type { Connection, ServerEndpoint } from './network.js';

const MAX_PENDING = 1024;

/** A node's end of a connection: requests run in order, replies leave in order; the rules of the node's own server. */
export class ServerConnection implements ServerEndpoint {
  readonly session: Session;
  readonly #process: SimProcess;
  readonly #connection: Connection;
  readonly #dispatcher: Dispatcher;
  readonly #decoder = new RequestDecoder();
  readonly #replies = new ReplyQueue();
  readonly #onInput: () => void;
  #scheduled = false;
  #closed = false;

  /** @param onInput called when bytes arrive, before they are looked at */
  constructor(
    id: number,
    process: SimProcess,
    connection: Connection,
    context: ServerContext,
    dispatcher: Dispatcher,
    onInput: () => void,
  ) {
    this.#process = process;
    this.#connection = connection;
    this.#dispatcher = dispatcher;
    this.#onInput = onInput;
    this.session = new Session(id, `${connection.client.name}:${id}`, this.#decoder, context);
  }

  onBytes(bytes: string): void {
    this.#onInput();
    this.#decoder.push(Buffer.from(bytes, 'latin1'));
    this.#work();
  }

  onClose(): void {
    this.#closed = true;
  }

  #work(): void {
    const replies = this.#replies;
    while (!this.#closed && !this.session.blocked && replies.pending < MAX_PENDING && this.#decoder.next()) {
      const reply = this.#dispatcher.execute(this.session);
      if (typeof reply === 'string') replies.append(reply);
      else this.#hold(reply);
    }
    if (!this.#closed && replies.readyBytes > 0) this.#connection.toClient(replies.take());
  }

  #hold(reply: Later): void {
    const release = this.#replies.hold(reply);
    if (release === undefined) return;
    reply.then((text) => {
      release(text);
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#process.soon(() => {
        this.#scheduled = false;
        this.#work();
      });
    });
  }
}
