import { startRefusal } from './start-refusal.js';

const own = { placement: 1, protocol: { min: 2, max: 3 } };
const member = (settings?: typeof own) => (settings ? { id: 'aux-1', settings } : { id: 'aux-1' });

test.each([
  ['a release that speaks version 1 only', 'protocol', member(), 'Set DCS_ALLOW_PROTOCOL_1=true'],
  ['a newer release', 'protocol', member({ ...own, protocol: { min: 4, max: 5 } }), 'start a newer release here'],
  ['another placement', 'placement', member({ ...own, placement: 2 }), 'Make a backup, stop all'],
] as const)('beside %s it says what to do', (_, setting, other, way) => {
  const text = startRefusal({ setting, member: other }, own);
  expect(text).toContain('aux-1 ');
  expect(text).toContain(way);
});

test('a gap of releases is crossed by way of one between', () => {
  const text = startRefusal(
    { setting: 'protocol', member: member({ ...own, protocol: { min: 2, max: 2 } }) },
    { ...own, protocol: { min: 3, max: 4 } },
  );
  expect(text).toBe(
    'aux-1 speaks protocol version 2, this process versions 3 to 4: upgrade to a release between the two first, or stop ' +
      'all processes before this release starts',
  );
});
