import { parseOptions } from './options.js';

const CWD = '/home/user/project';
const parse = (argv: string[], variables: Record<string, string> = {}) => parseOptions(argv, variables, CWD);

describe('parseOptions', () => {
  it('has defaults for everything', () => {
    expect(parse([])).toEqual({
      aux: 3,
      masters: 2,
      replicas: 2,
      port: 8080,
      auxDataPort: 7101,
      auxHttpPort: 7201,
      host: '127.0.0.1',
      dataDir: '/home/user/project/.dcs',
      registry: undefined,
      readyTimeoutMs: 30_000,
      json: false,
      quiet: false,
      help: false,
    });
  });

  it('takes every option', () => {
    const argv = '--aux 5 --masters=1 --replicas 3 --port 0 --aux-data-port 17101 --aux-http-port=17201 --host ::1';
    const more = '--data /var/d --registry redis://u:p@h:6379/0 --ready-timeout 1.5 --json --quiet -h';
    expect(parse(`${argv} ${more}`.split(' '))).toEqual({
      aux: 5,
      masters: 1,
      replicas: 3,
      port: 0,
      auxDataPort: 17_101,
      auxHttpPort: 17_201,
      host: '::1',
      dataDir: '/var/d',
      registry: 'redis://u:p@h:6379/0',
      readyTimeoutMs: 1_500,
      json: true,
      quiet: true,
      help: true,
    });
  });

  it('takes defaults from the environment, and options before them', () => {
    const variables = { DCS_HOST: '10.0.0.1', DCS_REPLICAS: '1', DCS_REGISTRY: 'file:reg' };
    expect(parse([], variables)).toMatchObject({ host: '10.0.0.1', replicas: 1, registry: `file:${CWD}/reg` });
    expect(parse(['--replicas', '2', '--host', 'localhost'], variables)).toMatchObject({
      host: 'localhost',
      replicas: 2,
    });
    expect(parse([], { DCS_HOST: '', DCS_REPLICAS: '', DCS_REGISTRY: '' })).toEqual(parse([]));
  });

  it.each([
    ['file:x/y', `file:${CWD}/x/y`],
    ['file:/x/y', 'file:/x/y'],
    ['file:///x/y', 'file:/x/y'],
    ['rediss://h', 'rediss://h'],
    ['redis+sentinel://h:1,i:2/main', 'redis+sentinel://h:1,i:2/main'],
  ])('reads the registry %s as %s', (given, read) => {
    expect(parse(['--registry', given]).registry).toBe(read);
  });

  it.each([
    [['--aux', '0'], '--aux: got "0", expected an integer from 1 to 64'],
    [['--aux', '2.5'], '--aux: got "2.5", expected an integer from 1 to 64'],
    [['--aux', '0x3'], '--aux: got "0x3", expected an integer from 1 to 64'],
    [['--aux='], '--aux: got "", expected an integer from 1 to 64'],
    [['--masters=-1'], '--masters: got "-1", expected an integer from 0 to 64'],
    [['--replicas', '6'], '--replicas: got "6", expected an integer from 1 to 5'],
    [['--port', '65536'], '--port: got "65536", expected an integer from 0 to 65535'],
    [['--port', '65535'], '--port: got "65535", expected at most 65534, so that 2 ports fit'],
    [['--aux-data-port', 'x'], '--aux-data-port: got "x", expected an integer from 0 to 65535'],
    [['--ready-timeout', '0'], '--ready-timeout: got "0", expected seconds, more than 0 and at most 3600'],
    [['--ready-timeout', ''], '--ready-timeout'],
    [['--host', 'a b'], '--host: got "a b", expected an IP address or a host name'],
    [['--data', ''], '--data: got "", expected a directory'],
    [['--registry', 'memory:'], "memory: is one process's own"],
    [['--registry', 'http://u:secret@h'], '--registry: got "http://***@h", expected file:DIR, redis://'],
    [['--registry', 'file:'], '--registry: got "file:", expected file:DIR'],
    [['--axu', '3'], "Unknown option '--axu'"],
    [['--aux'], "Option '--aux <value>' argument missing"],
    [['--json=yes'], "Option '--json' does not take an argument"],
    [['five'], "Unexpected argument 'five'"],
  ])('refuses %j', (argv, message) => {
    let thrown: unknown;
    try {
      parse(argv);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining(message) });
  });
});
