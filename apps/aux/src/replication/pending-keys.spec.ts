import { PendingKeys } from './pending-keys.js';

describe('PendingKeys', () => {
  test('a key is pending until all its writes are copied', () => {
    const pending = new PendingKeys();
    let done = 0;
    pending.begin('k');
    pending.begin('k');
    pending.whenDone('k', () => done++);
    pending.end('k', true, false);
    expect([pending.has('k'), done]).toEqual([true, 0]);
    pending.end('k', true, true);
    expect([pending.has('k'), done, pending.size]).toEqual([false, 1, 0]);
  });

  test('a key whose copy failed stays unsafe until what is stored is copied', () => {
    const pending = new PendingKeys();
    pending.begin('k');
    pending.end('k', false, true);
    expect([pending.has('k'), pending.isUnsafe('k')]).toEqual([true, true]);
    pending.begin('k');
    expect(pending.isUnsafe('k')).toBe(false); // another copy is under way
    pending.end('k', true, false); // of an older entry
    expect(pending.isUnsafe('k')).toBe(true);
    pending.begin('k');
    pending.end('k', true, true);
    expect(pending.has('k')).toBe(false);
  });

  test('whoever waits for a key without writes under way is called at once', () => {
    const pending = new PendingKeys();
    let done = 0;
    pending.whenDone('k', () => done++);
    pending.begin('k');
    pending.end('k', false, true);
    pending.whenDone('k', () => done++);
    expect(done).toBe(2);
    pending.forget('k');
    expect(pending.size).toBe(0);
  });
});
