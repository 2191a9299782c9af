import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VersionFiles } from './version-files.js';

describe('VersionFiles', () => {
  let directory: string;
  let now: number;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'versions-'));
    now = 0;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const files = (writer: string): VersionFiles => new VersionFiles(directory, writer, () => now);
  const top = async (from: VersionFiles): Promise<string | undefined> => {
    for await (const { text } of (await from.open()).candidates) return text;
    return undefined;
  };

  test('of two writers that read the same version one commits and the other is told', async () => {
    const [one, two] = [files('1'), files('2')];
    const [a, b] = [await one.open(), await two.open()];
    expect([a.highest, b.highest]).toEqual([0, 0]);
    expect(await one.commit(0, 'one')).toBe('done');
    expect(await two.commit(0, 'two')).toBe('taken');
    expect(await top(two)).toBe('one');
    expect(await readdir(directory)).toEqual(['1.ledger']);
  });

  test('orders versions as numbers', async () => {
    for (const version of [9, 10, 99, 100]) await writeFile(join(directory, `${version}.ledger`), `${version}`);
    await writeFile(join(directory, '101.ledger.bak'), 'x');
    expect((await files('1').open()).highest).toBe(100);
    expect(await top(files('1'))).toBe('100');
  });

  test('deletes old versions and left-over temporary files once it has watched them for 10 s', async () => {
    const one = files('1');
    await writeFile(join(directory, 'tmp.9999.1'), 'left by a killed process');
    for (let i = 0; i < 8; i++) {
      const { highest } = await one.open();
      expect(await one.commit(highest, `${highest + 1}`)).toBe('done');
      now += 1_500;
    }
    expect((await readdir(directory)).sort()).toEqual(
      ['8.ledger', '7.ledger', '6.ledger', '5.ledger', '4.ledger', '3.ledger', '2.ledger', '1.ledger'].sort(),
    );
    now += 30_000;
    await one.open();
    await one.commit(8, '9');
    expect((await readdir(directory)).sort()).toEqual(['7.ledger', '8.ledger', '9.ledger']);
  });

  test('does not vouch for a commit by a writer that slept so long that its version may have been deleted', async () => {
    const [sleeper, other] = [files('1'), files('2')];
    await other.open();
    await other.commit(0, 'first');
    const { highest } = await sleeper.open();
    for (let version = 1; version < 6; version++) {
      await other.open();
      expect(await other.commit(version, `${version + 1}`)).toBe('done');
      now += 12_000;
    }
    expect(await readdir(directory)).not.toContain('2.ledger');
    expect(await sleeper.commit(highest, 'lost update')).toBe('late');
    expect(await top(sleeper)).toBe('6'); // what it left behind is below the highest, and never read
  });

  test('makes the directory, also again after a wipe', async () => {
    const one = files('1');
    await rm(directory, { recursive: true });
    expect((await one.open()).highest).toBe(0);
    expect(await one.commit(0, 'a')).toBe('done');
    await rm(directory, { recursive: true });
    expect((await one.open()).highest).toBe(0);
    expect(await one.commit(0, 'b')).toBe('done');
    expect(await top(one)).toBe('b');
  });
});
