import { freezeView, type MemberState } from './member.js';
import { member } from './registry.conformance.js';
import { WantedMembers } from './wanted-members.js';

/** The count after each of the views; a view is a list like `a b c:leaving`. */
function counts(...views: string[]): number[] {
  const wanted = new WantedMembers();
  return views.map((view, epoch) => {
    const members = view.split(' ').flatMap((each) => {
      const [id = '', state = 'up'] = each.split(':');
      return id === '' ? [] : [{ ...member(id), state: state as MemberState }];
    });
    wanted.observe(freezeView(epoch, members));
    return wanted.count;
  });
}

describe('WantedMembers', () => {
  test('is none before the first view', () => expect(new WantedMembers().count).toBe(0));

  test('counts members of every state', () => expect(counts('a b:joining c:leaving')).toEqual([3]));

  test('a member that is lost for good stays wanted', () => {
    expect(counts('a b c', 'a b', 'a b', 'a b:joining', 'a b')).toEqual([3, 3, 3, 3, 3]);
  });

  test('a member that left in order is not wanted any more', () => {
    expect(counts('a b c', 'a b c:leaving', 'a b')).toEqual([3, 3, 2]);
  });

  test('a lost member is not missing any more when another one takes its place', () => {
    expect(counts('a b c', 'a b', 'a b d:joining', 'a b d')).toEqual([3, 3, 3, 3]);
  });

  test('an upgrade, one node after the other, ends with as many as it began with', () => {
    const steps = ['a b c', 'a b c d:joining', 'a b c d', 'a:leaving b c d', 'b c d', 'b c d e', 'b:leaving c d e', 'c d e']; // prettier-ignore
    expect(counts(...steps)).toEqual([3, 4, 4, 4, 3, 4, 4, 3]);
  });

  test('a crash in one view with a graceful leave is one lost member', () => {
    expect(counts('a b c d', 'a b c d:leaving', 'a b')).toEqual([4, 4, 3]);
  });

  test('all members are wanted when all are lost', () => expect(counts('a b c', '', 'a:joining')).toEqual([3, 3, 3]));

  test('a member that comes back while it leaves stays wanted', () => {
    expect(counts('a b:leaving', 'a b:joining', 'a b')).toEqual([2, 2, 2]);
  });
});
