import { decide, type Decision, type FormerOwner, type SlotFacts } from './decide.js';

const owner = (facts: Partial<FormerOwner> = {}): FormerOwner => ({
  hasLivedOn: false,
  hasDisk: false,
  isAwaited: false,
  ...facts,
});
const LIVES = owner({ hasLivedOn: true });
const DISK = owner({ hasDisk: true });
const AWAITED = owner({ isAwaited: true });
const GONE = owner();

test.each<[string, SlotFacts['owners'], boolean, SlotFacts['backup'], Decision]>([
  ['an owner that lived on has it all, whoever else is missing', [LIVES, AWAITED], true, 'own', 'import'],
  ['an owner that may come, or answers, is waited for', [AWAITED, GONE], true, 'own', 'wait'],
  [
    'so is one beside an owner that is back with its disk: it may have done the last write',
    [DISK, AWAITED],
    true,
    'own',
    'wait',
  ],
  ['all owners are back with their disks', [DISK, DISK], false, undefined, 'import'],
  ['all owners are back, and another node is missing', [DISK, DISK], true, undefined, 'import'],
  [
    'one owner came without its disk: a missing node may have stood in for the other',
    [DISK, GONE],
    true,
    'own',
    'wait',
  ],
  ['one owner came without its disk, and nobody is missing', [DISK, GONE], false, 'own', 'import'],
  ['no disk has it, and this node looks in the backup', [GONE, GONE], false, 'own', 'restore'],
  ['no disk has it, and another node looks in the backup', [GONE, GONE], false, 'others', 'give-up'],
  ['no disk has it, and who looks in the backup is not known', [GONE, GONE], false, 'unsure', 'wait'],
  ['no disk has it, and there is no backup', [GONE, GONE], false, undefined, 'give-up'],
  ['no disk has it, and a node that may have stood in is missing', [GONE, GONE], true, 'own', 'wait'],
  ['nobody is known to have owned it', [], false, undefined, 'give-up'],
  ['nobody is known to have owned it, and there is a backup', [], false, 'own', 'restore'],
])('%s', (_, owners, isAnyAwaited, backup, decision) => {
  expect(decide({ owners, isAnyAwaited, backup })).toBe(decision);
});
