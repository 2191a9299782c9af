import { RegistryError } from './errors.js';
import { leadsToWrongServer, registryError, wordOf } from './redis-error.js';

const IN_REDIS_7 = 'script: 5b3, on @user_script:12.';
const IN_REDIS_6 = 'ERR Error running script (call to f_5b3): @user_script:12: ';

describe('an error of Redis', () => {
  test.each([
    ['READONLY', "You can't write against a read only replica."],
    ['OOM', "command not allowed when used memory > 'maxmemory'."],
    ['NOREPLICAS', 'Not enough good replicas to write.'],
    ['NOPERM', "this user has no permissions to run the 'hset' command"],
    ['NOAUTH', 'Authentication required.'],
    ['LOADING', 'Redis is loading the dataset in memory'],
    ['MASTERDOWN', "Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
    ['BUSY', 'Redis is busy running a script.'],
    ['MISCONF', 'Redis is configured to save RDB snapshots, but is unable to persist to disk.'],
    ['CLUSTERDOWN', 'The cluster is down'],
    ['ERR', 'Unknown Redis command called from script'],
    ['ERR', 'This Redis command is not allowed from script'],
  ])('%s: %s, in or outside of the script, says that the registry is out of reach, in its own words', (word, rest) => {
    for (const message of [`${word} ${rest}`, `${word} ${rest} ${IN_REDIS_7}`, `${IN_REDIS_6}${word} ${rest}`]) {
      const error = registryError(new Error(message));
      expect(error).toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
      expect(error.message).toContain(word);
    }
  });

  test.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    `WRONGTYPE Operation against a key holding the wrong kind of value ${IN_REDIS_7}`,
    `${IN_REDIS_6}WRONGTYPE Operation against a key holding the wrong kind of value`,
    'ERR user_script:12: attempt to perform arithmetic on a nil value script: 5b3, on @user_script:12.',
    `${IN_REDIS_6}user_script:12: attempt to compare nil with number`,
  ])('%s is damage', (message) => {
    expect(registryError(new Error(message))).toMatchObject({ code: 'ERR_REGISTRY_CORRUPT' });
  });

  test.each([
    ['READONLY x', true],
    ['MOVED 3999 127.0.0.1:6381', true],
    ['OOM x', false],
    ['Connection is closed.', false],
  ])('%s: leads to the wrong server: %p', (message, wrong) => {
    expect(leadsToWrongServer(new Error(message))).toBe(wrong);
  });

  test('has no word when it is not of Redis', () => {
    expect(wordOf(new Error('connect ECONNREFUSED 127.0.0.1:1'))).toBe('');
    expect(wordOf(undefined)).toBe('');
  });

  test('of another copy of this package is told by its code', () => {
    const foreign = Object.assign(new Error('x'), { code: 'ERR_REGISTRY_CLOSED' });
    expect(registryError(foreign)).toBe(foreign);
    const own = new RegistryError('ERR_REGISTRY_TIMEOUT', 'x');
    expect(registryError(own)).toBe(own);
  });
});
