// What the codec and the client cost, in nanoseconds of CPU per request or reply. Build first, then: node bench/resp.mjs
import { createServer } from 'node:net';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { Decoder, encodeCommandBinary, Reply, RequestDecoder, RespClient } from '@dcs/resp';

const VALUE = 'v'.repeat(100);
const KEY = 'key:000000000042';
const PIPELINE = 16;
const ROUNDS = 5;
const WARM_UP = 1;

let sink = 0;

function median(rounds) {
  return rounds.slice(WARM_UP).sort((a, b) => a - b)[ROUNDS >> 1];
}

function cpuNanoseconds(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) * 1000;
}

/** `run` handles one pipeline of PIPELINE messages. */
function codec(name, run) {
  const times = 20_000;
  const rounds = [];
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < times; i++) run();
    rounds.push(cpuNanoseconds(start) / (times * PIPELINE));
  }
  console.log(name.padEnd(44), `${median(rounds).toFixed(0)} ns`);
}

function requests(name, args, read) {
  const wire = Buffer.from(encodeCommandBinary(args).repeat(PIPELINE), 'latin1');
  const decoder = new RequestDecoder();
  codec(name, () => {
    decoder.push(wire);
    while (decoder.next()) sink += read(decoder);
  });
}

function replies(name, reply, bulk) {
  const wire = Buffer.from(reply.repeat(PIPELINE), 'latin1');
  const decoder = new Decoder({ bulk });
  codec(name, () => {
    decoder.push(wire);
    while (decoder.next()) sink += decoder.value.length;
  });
}

/** Process CPU includes the server's thread: the same one for every row. */
async function client(name, port, depth, send) {
  const total = 100_000;
  const connection = new RespClient({ host: '127.0.0.1', port }, { bulk: 'binary' });
  await connection.connect();
  const rounds = [];
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    const start = process.cpuUsage();
    await new Promise((resolve) => {
      let sent = 0;
      let answered = 0;
      const next = () => {
        sent++;
        send(connection, () => {
          if (++answered === total) resolve();
          else if (sent < total) next();
        });
      };
      for (let i = 0; i < depth; i++) next();
    });
    rounds.push(cpuNanoseconds(start) / total);
  }
  console.log(`${name}, ${depth} in flight`.padEnd(44), `${median(rounds).toFixed(0)} ns with the server`);
  await connection.close();
}

function serve() {
  const server = createServer({ noDelay: true }, (socket) => {
    const decoder = new RequestDecoder();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      let out = '';
      while (decoder.next()) out += Reply.bulk(VALUE);
      socket.write(out, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

async function main() {
  requests('RequestDecoder GET, name and key', ['GET', KEY], (d) => d.upper(0).length + d.binary(1).length);
  requests('RequestDecoder SET, name, key, framed value', ['SET', KEY, VALUE], (d) => {
    return d.upper(0).length + d.binary(1).length + d.framed(2).length;
  });
  for (const bulk of ['utf8', 'binary', 'buffer']) replies(`Decoder, 100 bytes as ${bulk}`, Reply.bulk(VALUE), bulk);
  const worker = new Worker(new URL(import.meta.url));
  const port = await new Promise((resolve) => worker.once('message', resolve));
  const args = ['GET', KEY];
  for (const depth of [32, 256]) {
    await client('RespClient.send', port, depth, (c, done) => c.send(encodeCommandBinary(args), done));
    await client('RespClient.request', port, depth, (c, done) => void c.request(args).then(done));
  }
  await worker.terminate();
  if (sink === 0) throw new Error('nothing was read');
}

if (isMainThread) await main();
else serve();
