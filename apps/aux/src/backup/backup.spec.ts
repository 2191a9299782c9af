import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { valueOf } from '../node/entry.js';
import { BackupWorld, viewOf } from '../../test/backup-fixture.js';

let world: BackupWorld;
beforeEach(() => (world = new BackupWorld()));
afterEach(() => world.close());

describe('a backup', () => {
  test('holds entries and tombstones as they are, without what has expired', async () => {
    const node = world.node('a');
    node.apply(viewOf(1, ['a']));
    node.put('plain', 'v');
    node.put('json', '{"a":1}', world.now, world.now + 60_001, 'j');
    node.put('raw', '\x00\xff', world.now, 0, 'rapplication/x-thing; a=b');
    node.put('empty', '');
    node.put('short', 'v', world.now, world.now + 500);
    node.put('gone', '', world.now, world.now + 3_600_000, 'd');
    node.put('large', 'x'.repeat(700_000));
    expect(await world.back(node)).toEqual(['success']);
    const found = await world.restored();
    expect([...found.keys()].sort()).toEqual(['empty', 'gone', 'json', 'large', 'plain', 'raw']);
    for (const [key, entry] of found) expect(entry).toEqual(node.store.lookup(key));
    expect(valueOf(found.get('large')!)).toHaveLength(700_000);
    expect(node.backup.stats()).toMatchObject({ entries: 5, failures: 0, lastSuccessAt: world.now });
  });

  test('holds the slots that the node is primary of, and nobody else', async () => {
    const nodes = ['a', 'b', 'c'].map((id) => world.node(id));
    for (const node of nodes) {
      node.apply(viewOf(1, ['a', 'b', 'c']));
      for (let i = 0; i < 300; i++) node.put(`k${i}`, node.ownership.primaryOf(0)!.id);
    }
    await world.back(...nodes);
    expect(nodes.reduce((sum, { backup }) => sum + backup.last!.entries, 0)).toBe(300);
    expect(Object.keys(await world.values())).toHaveLength(300);
  });

  test('is not written by a node that is primary of nothing', async () => {
    const node = world.node('a');
    expect(await world.back(node)).toEqual(['skipped']);
    expect(readdirSync(join(world.directory, 'dcs', 'a'))).toEqual([]);
  });
});
