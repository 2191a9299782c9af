import { type Answer } from './http.js';

/** What must not be told to a client: stack frames, files, addresses. */
const INSIDE = /node_modules|\bat \S+ \(|\.[jt]s:\d+|127\.0\.0\.1|localhost|ECONN|:\d{4,5}\b/;

/** Holds `answer` to RFC 9457 with the given status and stable code, and to silence about the inside. */
export function expectProblem(answer: Answer, status: number, code: string | RegExp): void {
  expect({ status: answer.status, body: answer.text }).toEqual({ status, body: expect.any(String) });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const body = answer.json<Record<string, unknown>>();
  expect(body).toEqual({
    ...body, // extension members are allowed
    type: expect.any(String),
    title: expect.stringMatching(/./),
    status,
    detail: expect.stringMatching(/./),
    code: typeof code === 'string' ? code : expect.stringMatching(code),
  });
  expect(answer.text).not.toMatch(INSIDE);
}
