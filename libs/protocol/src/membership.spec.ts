import { decodeProbeReply, decodeViewReply, encodeProbeReply } from './membership.js';

test('a sign of life says who lives there, also where the id has blanks', () => {
  const reply = { id: 'aux 1\u2028', incarnation: 1_795_397_488_891, state: 'fenced', epoch: 7 } as const;
  expect(decodeProbeReply(encodeProbeReply(reply))).toEqual(reply);
});

test.each([null, 'OK', 1, [], '1 alive 2 a', '1 serving 2 ', '-1 serving 2 a', '1.5 serving 2 a'])(
  'a sign of life that is none is refused: %p',
  (reply) => {
    expect(() => decodeProbeReply(reply)).toThrow('unexpected reply to DCS.PROBE');
  },
);

test('a view is an epoch and members; nil says that there is none that is newer', () => {
  expect(decodeViewReply('{"epoch":3,"members":[{"id":"a"}]}')).toEqual({ epoch: 3, members: [{ id: 'a' }] });
  expect(decodeViewReply(null)).toBeUndefined();
});

test.each(['', 'null', '{"epoch":1.5,"members":[]}', '{"epoch":1}', '[]', 7, {}])(
  'a view that is none is refused: %p',
  (reply) => {
    expect(() => decodeViewReply(reply)).toThrow('unexpected reply to DCS.VIEW');
  },
);
