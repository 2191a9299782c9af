import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRegistry } from './file-registry.js';
import { describeRegistry, member } from './registry.conformance.js';

describeRegistry('FileRegistry', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'registry-'));
  let now = 5_000;
  return {
    unitMs: 1000,
    open: (damping) => new FileRegistry({ directory, damping, now: () => now, pollMs: 50 }),
    advance: async (units) => void (now += units * 1000),
    wipe: async () => {
      await rm(directory, { recursive: true });
      await new Promise((done) => setTimeout(done, 100)); // histories are told apart by 1/16 s
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
});

describe('FileRegistry', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'registry-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const join3 = async (registry: FileRegistry): Promise<void> => {
    for (const id of ['a', 'b', 'c']) {
      await registry.heartbeat('c', { member: member(id), leaseMs: 60_000 });
    }
  };
  const versions = async (): Promise<string[]> => {
    const names = await readdir(join(directory, 'c'));
    const numbers = names.filter((name) => name.endsWith('.ledger')).map((name) => Number.parseInt(name, 10));
    return numbers.sort((x, y) => y - x).map((number) => join(directory, 'c', `${number}.ledger`));
  };

  test.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['changed by one bit', (text: string) => text.replace('"leaseMs":6', '"leaseMs":7')],
  ])('passes over a version that is %s, counts it, and goes on from the one before', async (_, damage) => {
    const logged: unknown[] = [];
    const registry = new FileRegistry({ directory, log: (message, details) => logged.push([message, details]) });
    await join3(registry);
    const last = await registry.read('c');
    const [top = ''] = await versions();
    await writeFile(top, damage(await readFile(top, 'utf8')));
    expect(await registry.read('c')).toEqual({ epoch: last.epoch - 1, members: [member('a'), member('b')] });
    const { view } = await registry.heartbeat('c', { member: member('a'), leaseMs: 60_000, last });
    expect(view.members).toEqual(last.members);
    expect(view.epoch).toBeGreaterThan(last.epoch);
    expect(registry.corruptions).toBe(1);
    expect(logged).toEqual([['passed over a damaged registry file', { cluster: 'c', version: 3 }]]);
    await registry.close();
  });

  test('keeps what it writes for the user of the processes alone', async () => {
    const before = process.umask(0);
    try {
      const registry = new FileRegistry({ directory });
      await join3(registry);
      const unsubscribe = await registry.subscribe('c', () => undefined);
      await unsubscribe();
      await registry.close();
    } finally {
      process.umask(before);
    }
    const mode = async (path: string) => (await stat(path)).mode & 0o777;
    expect(await mode(join(directory, 'c'))).toBe(0o700);
    const names = await readdir(join(directory, 'c'));
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect([name, await mode(join(directory, 'c', name))]).toEqual([name, 0o600]);
  });

  test('has one time for all processes that share the directory, once they have called it', async () => {
    const [a, b] = [new FileRegistry({ directory }), new FileRegistry({ directory })];
    expect(a.clockReading).toBeUndefined();
    await a.read('c');
    const wall = jest.spyOn(Date, 'now').mockReturnValue(0); // set back before the other one starts
    const { serverTimeMs } = await b.heartbeat('c', { member: member('b'), leaseMs: 60_000 });
    wall.mockRestore();
    expect(Math.abs(b.clockReading!.offsetMs - a.clockReading!.offsetMs)).toBeLessThanOrEqual(1);
    expect(Math.abs(serverTimeMs - Date.now())).toBeLessThan(60_000);
    await Promise.all([a.close(), b.close()]);
  });

  test('starts anew, above what the members have seen, when every version is damaged', async () => {
    const registry = new FileRegistry({ directory });
    await join3(registry);
    const last = await registry.read('c');
    for (const path of await versions()) await writeFile(path, 'x');
    expect((await registry.read('c')).epoch).toBe(0);
    const { view } = await registry.heartbeat('c', { member: member('a'), leaseMs: 60_000, last });
    expect(view.members).toEqual(last.members);
    expect(view.epoch).toBeGreaterThan(last.epoch);
    await registry.close();
  });

  test('refuses a file of another format instead of overwriting it', async () => {
    const registry = new FileRegistry({ directory });
    await join3(registry);
    const [top = ''] = await versions();
    const json = '{"format":99}';
    const sum = createHash('sha256').update(json).digest('hex').slice(0, 32);
    await writeFile(top, `${sum}\n${json}\n`);
    await expect(registry.read('c')).rejects.toMatchObject({ code: 'ERR_REGISTRY_CORRUPT' });
    await registry.close();
  });

  test('keeps leases and epoch over a boot, after which the clock starts at zero', async () => {
    let now = 900_000_000;
    const damping = { baseHoldMs: 0 };
    const registry = new FileRegistry({ directory, damping, now: () => now });
    await join3(registry);
    now = 1_000;
    const { epoch, members } = await registry.read('c');
    expect(members).toHaveLength(3);
    for (let beats = 0; beats < 3; beats++) {
      now += 40_000;
      const accuses = [{ id: 'c', incarnation: 1, kind: 'refused' as const }];
      const rest = { leaseMs: 100_000, accuses };
      for (const id of ['a', 'b']) await registry.heartbeat('c', { member: member(id), ...rest });
    }
    expect(await registry.read('c')).toEqual({ epoch: epoch + 1, members: [member('a'), member('b')] });
    await registry.close();
  });

  test('says that the directory is no directory, within its time', async () => {
    const path = join(directory, 'file');
    await writeFile(path, '');
    const registry = new FileRegistry({ directory: path });
    const call = registry.heartbeat('c', { member: member('a'), leaseMs: 1000 });
    await expect(call).rejects.toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
    await expect(registry.subscribe('c', () => undefined)).rejects.toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
    await registry.close();
  });

  test('bounds the calls that wait', async () => {
    const registry = new FileRegistry({ directory });
    const calls = await Promise.allSettled(Array.from({ length: 70 }, () => registry.read('c')));
    const refused = calls.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused).toHaveLength(6);
    expect(refused[0]!.reason).toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
    await registry.close();
  });

  test.each([
    [{ directory: '' }, 'directory'],
    [{ directory: 'x', timeoutMs: 0 }, 'timeoutMs'],
    [{ directory: 'x', pollMs: 1.5 }, 'pollMs'],
    [{ directory: 'x', damping: { windowMs: 0 } }, 'damping.windowMs'],
  ])('refuses %j, naming the option', (options, name) => {
    expect(() => new FileRegistry(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => new FileRegistry(options)).toThrow(`${name}: got`);
  });
});
