import { FileRegistry } from './file-registry.js';
import { MemoryRegistry } from './memory-registry.js';
import { RedisRegistry } from './redis-registry.js';
import { checkRegistryUrl, registryFromUrl } from './registry-url.js';

describe('registryFromUrl', () => {
  test.each([
    ['memory:', MemoryRegistry],
    ['file:/tmp/registry', FileRegistry],
    ['file:relative', FileRegistry],
    ['redis://127.0.0.1:1', RedisRegistry],
    ['rediss://127.0.0.1:1', RedisRegistry],
    ['redis+sentinel://127.0.0.1:1/main', RedisRegistry],
    ['redis+cluster://127.0.0.1:1', RedisRegistry],
  ])('%s', async (url, kind) => {
    const registry = registryFromUrl(url, { password: 'x', log: () => undefined });
    expect(registry).toBeInstanceOf(kind);
    await registry.close();
  });

  test.each([
    '',
    'memory',
    'memory:x',
    'file:',
    'http://me:hunter2@h',
    'redis:',
    'redis://dcs:hunter2/w#rd@redis:6379',
    'redis://dcs:p@hunter2@redis:6379',
    'redis://me:hunter2@h:99999',
    'redis+sentinels://me:hunter2@h:1/main',
    'redis://me:hunter2\n@h:99999',
  ])('refuses %j and shows no password', (url) => {
    for (const check of [checkRegistryUrl, registryFromUrl]) {
      expect(() => check(url)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
      expect(() => check(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
    }
  });

  test('refuses an option that it does not know, by name', () => {
    const options = { pasword: 'hunter2' } as object;
    expect(() => registryFromUrl('memory:', options)).toThrow(/there is no "pasword", only .*password/);
  });
});
