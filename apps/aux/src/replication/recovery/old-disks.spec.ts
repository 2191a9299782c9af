import { DiskNodes } from '../../../test/disk-nodes.js';
import { eventually, type SeveralNodes } from '../../../test/several-nodes.js';
import { silence } from '../../../test/silence.js';
import type { AuxServer } from '../../aux-server.js';
import { ORIGIN_COMMAND } from './origin.js';

jest.setTimeout(60_000);

describe('a disk that was away', () => {
  let nodes: DiskNodes;
  let cluster: SeveralNodes;
  let keys: readonly string[];

  beforeEach(() => {
    nodes = new DiskNodes();
    ({ cluster, keys } = nodes);
  });

  afterEach(() => nodes.close());

  const expelled = (): Promise<void> =>
    eventually(() => cluster.nodes.every(({ node }) => node.ownership.up.length === 2));
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  /** Each for so short that it has expired, everywhere, when this ends. */
  async function overwrite(overwritten: readonly string[]): Promise<void> {
    const expiresAt = Date.now() + 1000;
    await Promise.all(overwritten.map((key) => cluster.set(key, 'short', { expiresAt })));
    await eventually(() =>
      cluster.nodes.every(({ node }) => overwritten.every((key) => node.store.peek(key) === undefined)),
    );
  }

  /** `a` is gone, for the others too. */
  async function loseOne(): Promise<void> {
    await nodes.startAll(['a', 'b', 'c']);
    await nodes.fill();
    await nodes.crash('a');
    await expelled();
    await cluster.inSync();
  }

  /** Keys of `a` are overwritten for so long while it is dead, but an owner still in the view of the others. */
  async function overwriteUnnoticed(ttlMs: number): Promise<{ of: readonly string[]; expiresAt: number }> {
    await nodes.startAll(['a', 'b', 'c'], { leaseMs: 60_000 });
    await nodes.fill();
    const of = keys.filter((key) => cluster.ownersOf(key).some(({ node }) => node.id === 'a')).slice(0, 50);
    await nodes.crash('a');
    const expiresAt = Date.now() + ttlMs;
    const living = (key: string): AuxServer => cluster.ownersOf(key).find((server) => server !== undefined)!;
    await Promise.all(of.map((key) => cluster.set(key, 'short', { expiresAt, to: living(key) })));
    for (const { node } of cluster.nodes) expect(node.ownership.up).toHaveLength(3);
    return { of, expiresAt };
  }

  const values = (of: readonly string[]): Promise<(string | undefined)[]> =>
    Promise.all(of.map((key) => cluster.get(key)));

  test('does not bring back what was overwritten meanwhile, nor what was deleted', async () => {
    await loseOne();
    await overwrite(keys.slice(0, 50));
    for (const key of keys.slice(50, 100)) await cluster.delete(key);
    await nodes.startAll(['a']);
    expect(await values(keys.slice(0, 100))).toEqual(Array(100).fill(undefined));
  });

  test('nor when all others have been down too, since', async () => {
    await loseOne();
    await nodes.noted();
    await overwrite(keys.slice(0, 50));
    await sleep(300); // their disks know that
    await nodes.crash('b', 'c');
    await Promise.all([nodes.start('a'), nodes.start('b', {}, 300), nodes.start('c', {}, 300)]); // nobody serves yet
    await cluster.inSync();
    expect(await values(keys.slice(0, 50))).toEqual(Array(50).fill(undefined));
    expect(await values(keys.slice(50))).toEqual(keys.slice(50).map((key) => `value of ${key}`));
  });

  test('nor when they were down before they took it for dead', async () => {
    const { of, expiresAt } = await overwriteUnnoticed(1500);
    await sleep(expiresAt - Date.now() + 300); // swept
    await nodes.crash('b', 'c');
    await nodes.startAll(['a', 'b', 'c']);
    expect(await values(of)).toEqual(of.map(() => undefined));
  });

  test('nor when what had overwritten it expired only while nobody was there', async () => {
    const { of, expiresAt } = await overwriteUnnoticed(2000);
    await sleep(300); // checkpoints
    await nodes.crash('b', 'c');
    await sleep(expiresAt - Date.now());
    await nodes.startAll(['a', 'b', 'c']);
    expect(await values(of)).toEqual(of.map(() => undefined));
  });

  /** Short enough to wait for. */
  const FORGETFUL = { tombstoneRetentionMs: 1000 };

  async function deleteWhileAway(): Promise<void> {
    await nodes.startAll(['a', 'b', 'c'], FORGETFUL);
    await nodes.fill();
    await Promise.all(keys.map((key) => cluster.set(key, 'after the last checkpoint')));
    await nodes.crash('a');
    await expelled();
    await cluster.inSync();
    for (const key of keys) await cluster.delete(key);
    await eventually(() => cluster.nodes.every(({ node }) => node.store.tombstones === 0)); // forgotten
  }

  test('is ignored when that was for longer than deletes are remembered', async () => {
    await deleteWhileAway();
    await nodes.startAll(['a'], FORGETFUL);
    expect(await values(keys)).toEqual(keys.map(() => undefined));
  });

  test('so too when all start at once', async () => {
    await deleteWhileAway();
    await nodes.noted();
    await nodes.crash('b', 'c');
    await nodes.startAll(['a', 'b', 'c'], FORGETFUL);
    expect(await values(keys)).toEqual(keys.map(() => undefined));
  });

  test('gives what its node has taken since, alone, to those that come back', async () => {
    const config = { ...FORGETFUL, recoveryWaitMs: 300 };
    await nodes.startAll(['a', 'b', 'c'], config);
    await nodes.fill();
    await nodes.crash('a');
    await expelled();
    await sleep(config.tombstoneRetentionMs);
    await nodes.noted();
    await nodes.crash('b', 'c');
    // `b` finds nobody that serves; `a` does while `b` still loads, of which it knows nothing.
    const b = nodes.start('b', config, 10_000);
    await nodes.start('a', config, 0, (a) => silence(a, cluster.nodes[0]!, ORIGIN_COMMAND));
    const { node } = cluster.nodes[1]!;
    await eventually(() => node.ownership.up.length === 1 && !node.replication.recovery.isRecovering);
    await Promise.all(keys.map((key) => cluster.set(key, 'since')));
    await b;
    await cluster.inSync();
    expect(await values(keys)).toEqual(keys.map(() => 'since'));
  });
});
