import { KIND_JSON, KIND_STRING, rawKind } from '@dcs/protocol';
import { contentTypeOf, negotiate } from './negotiation.js';

test.each([
  [undefined, 'image/png', 'envelope'],
  ['', 'image/png', 'envelope'],
  ['*/*', 'image/png', 'envelope'],
  ['application/json', 'image/png', 'envelope'],
  ['application/*', 'image/png', 'envelope'],
  ['application/json', 'application/json', 'envelope'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'image/png', 'envelope'],
  ['image/png', 'image/png', 'bytes'],
  ['IMAGE/PNG', 'image/png', 'bytes'],
  ['image/png;v=1', 'image/png; charset=x', 'bytes'],
  ['image/*', 'image/png', 'bytes'],
  ['image/png, */*;q=0.1', 'image/png', 'bytes'],
  ['image/png;q=0.1, application/json;q=0.9', 'image/png', 'envelope'],
  ['application/octet-stream', 'image/png', 'bytes'],
  ['text/plain', 'text/plain; charset=utf-8', 'bytes'],
  ['text/html', 'image/png', undefined],
  ['text/html', 'application/json', undefined],
  ['image/png;q=0', 'image/png', undefined],
  ['*/*;q=0', 'image/png', undefined],
  ['image/png;q=0, */*', 'image/png', 'envelope'],
  ['application/json;q=0, */*', 'image/png', 'bytes'],
  ['nonsense', 'image/png', undefined],
])('Accept: %s for %s gives %s', (accept, contentType, expected) => {
  expect(negotiate(accept, contentType)).toBe(expected);
});

test.each([
  [KIND_STRING, true, 'text/plain; charset=utf-8'],
  [KIND_STRING, false, 'application/octet-stream'],
  [KIND_JSON, true, 'application/json'],
  [rawKind('a/b; c=d'), true, 'a/b; c=d'],
])('kind %j, text %s: %s', (kind, isText, expected) => {
  expect(contentTypeOf(kind, () => isText)).toBe(expected);
});
