import { fastify } from 'fastify';

// Run by http.ts in a process of its own: what Fastify alone needs to answer a constant for the same requests.
// Prints its port when it listens.
const app = fastify({ logger: false });
const entry = JSON.stringify({ key: 'key:0000', value: 'v'.repeat(100), version: '0'.repeat(24) });
const stored = JSON.stringify({ key: 'key:0000', version: '0'.repeat(24) });
const bulk = JSON.stringify(
  Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key:${1000 + i}`, 'v'.repeat(100)])),
);
const JSON_TYPE = 'application/json; charset=utf-8';

app.get('/data/:key', (_, reply) => reply.header('content-type', JSON_TYPE).send(entry));
app.post('/data', (_, reply) => reply.header('content-type', JSON_TYPE).send(stored));
app.post('/data/bulk', (_, reply) => reply.header('content-type', JSON_TYPE).send('{"stored":100}'));
app.post('/data/bulk/get', (_, reply) => reply.header('content-type', JSON_TYPE).send(bulk));

const address = await app.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${new URL(address).port}\n`);
process.on('SIGTERM', () => void app.close());
