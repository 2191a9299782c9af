import { allows, apiTokens, ApiTokens } from './api-tokens.js';

test('tokens have a name, a value and a role, separated by commas or lines', () => {
  expect(apiTokens.parse('app:12345678:write, ops:abcdefgh:admin\n\uFEFF' + 'ro:ABCDEFGH:read\r\n')).toHaveLength(
    2 + 1,
  );
});

test.each([
  ['a short token', 'app:short:write'],
  ['an unknown role', 'app:12345678:root'],
  ['no role', 'app:12345678'],
  ['one name twice', 'app:12345678:write,app:87654321:read'],
  ['one token twice', 'app:12345678:write,ops:12345678:admin'],
  ['none', ' , '],
])('%s is refused', (_, text) => {
  expect(apiTokens.safeParse(text).success).toBe(false);
});

test('a token is found by its value, and by its name where one is given', () => {
  const tokens = new ApiTokens(apiTokens.parse('w:writer-token:write,r:reader-token:read'));
  expect(tokens.required).toBe(true);
  expect(tokens.find('writer-token')).toMatchObject({ name: 'w', role: 'write' });
  expect(tokens.find('writer-token', 'w')).toMatchObject({ name: 'w' });
  for (const [token, name] of [['writer-token', 'r'], ['writer-toke'], [''], ['w']] as const) {
    expect(tokens.find(token, name)).toBeUndefined();
  }
  expect(new ApiTokens([]).required).toBe(false);
});

test('tokens can be replaced: those that are left out are none any more', () => {
  const tokens = new ApiTokens(apiTokens.parse('w:writer-token:write,r:reader-token:read'));
  const [writer, reader] = [tokens.find('writer-token')!, tokens.find('reader-token')!];
  tokens.replace(apiTokens.parse('w:writer-token:write,r:reader-token:admin,n:newest-token:read'));
  expect([tokens.has(writer), tokens.has(reader)]).toEqual([true, false]); // another role is another token
  expect(tokens.find('newest-token')).toMatchObject({ name: 'n' });
});

test('a role may do what those below it may', () => {
  expect([allows('read', 'read'), allows('read', 'write'), allows('admin', 'write')]).toEqual([true, false, true]);
});
