import { BackupWorld, viewOf } from './backup-fixture.js';

// Run by killed.spec.ts in a process of its own: backs up over and over, until it is killed.
const [directory, round = '0'] = process.argv.slice(2);
const world = new BackupWorld(directory);
const node = world.node('a');
node.apply(viewOf(1, ['a']));
for (let i = 0; i < 20_000; i++) node.put(`k${i}`, `value ${i}`);
for (world.now += Number(round) * 3_600_000; ; world.now += 1000) await node.backup.request();
