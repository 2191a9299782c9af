// Exits 0 when this process answers that it is ready.
import { get } from 'node:http';

const TIMEOUT_MS = 2500;
const url = `http://127.0.0.1:${process.env.DCS_HTTP_PORT}/health/ready`;

const request = get(url, { timeout: TIMEOUT_MS }, (response) => {
  let body = '';
  response.on('data', (chunk) => (body += chunk));
  response.on('end', () => {
    console.log(response.statusCode, body);
    process.exit(response.statusCode === 200 ? 0 : 1);
  });
});
request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
request.on('error', (error) => {
  console.log(error.message);
  process.exit(1);
});
