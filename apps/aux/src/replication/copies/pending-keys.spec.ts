import { makeVersion } from '@dcs/protocol';
import { entryOf } from '../../node/entry.js';
import type { Effect } from './effect.js';
import { PendingKeys } from './pending-keys.js';

const effect = (n: number): Effect => ({
  key: 'k',
  entry: entryOf('k', `${n}`, makeVersion(n, 0, 0)),
  operation: undefined,
});

describe('PendingKeys', () => {
  test('a key is pending until all its writes are copied', () => {
    const pending = new PendingKeys();
    let done = 0;
    pending.begin('k');
    pending.begin('k');
    pending.whenDone('k', () => done++);
    pending.end(effect(1), true, false);
    expect([pending.has('k'), done]).toEqual([true, 0]);
    pending.end(effect(1), true, true);
    expect([pending.has('k'), done, pending.size]).toEqual([false, 1, 0]);
  });

  test('a key whose copy failed stays so until what is stored is copied', () => {
    const pending = new PendingKeys();
    const [first, second] = [effect(1), effect(2)];
    pending.begin('k');
    pending.end(first, false, true);
    expect([pending.has('k'), pending.uncopied('k')]).toEqual([true, first]);
    pending.begin('k');
    expect(pending.uncopied('k')).toBeUndefined(); // another copy is under way
    pending.end(second, true, false); // of what is not stored any more
    expect(pending.uncopied('k')).toBe(first);
    pending.begin('k');
    pending.end(first, true, true);
    expect(pending.has('k')).toBe(false);
  });

  test('of two whose copies failed, the one that is stored counts, whichever failed first', () => {
    const [older, newer] = [effect(1), effect(2)];
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const pending = new PendingKeys();
      pending.begin('k');
      pending.begin('k');
      for (const each of order) pending.end(each, false, each === newer);
      expect(pending.uncopied('k')).toBe(newer);
    }
  });

  test('whoever waits for a key without writes under way is called at once', () => {
    const pending = new PendingKeys();
    let done = 0;
    pending.whenDone('k', () => done++);
    pending.begin('k');
    pending.end(effect(1), false, true);
    pending.whenDone('k', () => done++);
    expect(done).toBe(2);
    pending.forget('k');
    expect(pending.size).toBe(0);
  });
});
