import { envelope, valueJson } from './entry-json.js';

const VERSION = '0000000000010000000000ff';

test.each([
  ['{"a":1}', '{"a":1}'],
  ['7', '7'],
  ['{"a":"\xc3\xa9"}', '{"a":"\xc3\xa9"}'],
  ['{"a":1}tail', '"{\\"a\\":1}tail"'],
  ['"},"x":{"', '"\\"},\\"x\\":{\\""'],
  ['', '""'],
  ['\xff', '{"encoding":"base64","value":"/w=="}'],
  ['"\xff"', '{"encoding":"base64","value":"Iv8i"}'],
])('stored JSON %j is printed as %s: what is none is text or bytes', (value, printed) => {
  const entry = { kind: 'j', value, version: VERSION, expiresAt: 0 };
  expect(valueJson(entry)).toBe(printed);
  const text = Buffer.from(envelope('k', entry, 0), 'latin1').toString('utf8');
  expect(JSON.parse(text)).toMatchObject({ key: 'k', version: VERSION });
});
