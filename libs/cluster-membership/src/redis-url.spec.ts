import { parseRedisUrl } from './redis-url.js';

describe('parseRedisUrl', () => {
  test.each([
    ['redis://localhost', { kind: 'single', addresses: [{ host: 'localhost', port: 6379 }], tls: false }],
    ['redis://10.0.0.1:7000/3', { kind: 'single', addresses: [{ host: '10.0.0.1', port: 7000 }], db: 3, tls: false }],
    ['redis://:p%40ss@h:1', { kind: 'single', addresses: [{ host: 'h', port: 1 }], password: 'p@ss', tls: false }],
    ['redis://[::1]:7000', { kind: 'single', addresses: [{ host: '::1', port: 7000 }], tls: false }],
    [
      'rediss://u:p@h',
      { kind: 'single', addresses: [{ host: 'h', port: 6379 }], username: 'u', password: 'p', tls: true },
    ],
    [
      'redis+sentinel://u:p@s1:26380,s2/mymaster',
      {
        kind: 'sentinel',
        username: 'u',
        password: 'p',
        masterName: 'mymaster',
        addresses: [
          { host: 's1', port: 26380 },
          { host: 's2', port: 26379 },
        ],
        tls: false,
      },
    ],
    [
      'rediss+cluster://n1:7001,n2:7002',
      {
        kind: 'cluster',
        addresses: [
          { host: 'n1', port: 7001 },
          { host: 'n2', port: 7002 },
        ],
        tls: true,
      },
    ],
  ])('%s', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target);
  });

  test.each([
    '',
    'http://h',
    'redis://',
    'redis://h:0',
    'redis://h:70000',
    'redis://h1,h2',
    'redis://h/db',
    'redis://u:%zz@h',
    'redis+sentinel://s1',
    'redis+cluster://n1/0',
  ])('refuses %j', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  test('keeps the password out of the message', () => {
    expect(() => parseRedisUrl('redis://user:geheim@h:0')).toThrow('redis://***@h:0');
  });
});
