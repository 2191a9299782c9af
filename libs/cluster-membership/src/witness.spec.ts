import type { ProbeOutcome } from './peer-access.js';
import { member } from './registry.conformance.js';
import { Witness } from './witness.js';

const SERVING: ProbeOutcome = { state: 'serving', epoch: 1 };

function witnessOf(answers: Record<string, ProbeOutcome | Error>, isLagging = () => false): Witness {
  const probe = async ({ id }: { id: string }): Promise<ProbeOutcome> => {
    const answer = answers[id]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return new Witness({ probe, isLagging });
}

describe('a witness', () => {
  const [a, b, c] = [member('a'), member('b'), member('c')];

  test('accuses the overdue members that do not answer, by what it saw', async () => {
    const witness = witnessOf({ a: 'refused', b: new Error('the transport failed'), c: SERVING });
    expect(await witness.check([a, b, c], 5)).toBe(true);
    expect(witness.accusations).toEqual([
      { id: 'a', incarnation: 1, kind: 'refused' },
      { id: 'b', incarnation: 1, kind: 'silent' },
    ]);
    expect(await witness.check([a, b, c], 5)).toBe(false);
  });

  test('withdraws an accusation when the member answers, or is not overdue any more', async () => {
    const answers: Record<string, ProbeOutcome> = { a: 'silent', b: 'silent' };
    const witness = witnessOf(answers);
    await witness.check([a, b], 3);
    answers['a'] = SERVING;
    expect(await witness.check([a], 3)).toBe(true);
    expect(witness.accusations).toEqual([]);
  });

  test('goes on telling a member that it accuses it until the registry has the withdrawal', async () => {
    const answers: Record<string, ProbeOutcome> = { a: 'silent' };
    const witness = witnessOf(answers);
    await witness.check([a], 3);
    const sent = witness.accusations;
    answers['a'] = SERVING;
    await witness.check([a], 3);
    expect(witness.accuses('a', 1)).toBe(true);
    witness.committed(sent); // this heartbeat still had it
    expect(witness.accuses('a', 1)).toBe(true);
    witness.committed(witness.accusations);
    expect(witness.accuses('a', 1)).toBe(false);
    expect(witness.accuses('a', 2)).toBe(false);
  });

  test('accuses nobody while its own process lags', async () => {
    const witness = witnessOf({ a: 'silent' }, () => true);
    expect(await witness.check([a], 3)).toBe(false);
    expect(witness.accusations).toEqual([]);
  });

  test('without access to its peers takes the word of the registry, unless most of the view is overdue', async () => {
    const witness = new Witness({ probe: undefined, isLagging: () => false });
    await witness.check([a], 3);
    expect(witness.accusations).toEqual([{ id: 'a', incarnation: 1, kind: 'refused' }]);
    await witness.check([a, b], 3);
    expect(witness.accusations.map(({ kind }) => kind)).toEqual(['silent', 'silent']);
  });
});
