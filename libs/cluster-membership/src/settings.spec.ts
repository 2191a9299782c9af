import { decodeLedger, encodeLedger } from './ledger-codec.js';
import { EMPTY_LEDGER, type Lease } from './ledger.js';
import { checkedMember, type Member, type MemberState, sameMember } from './member.js';
import { commonVersion, type MemberSettings, replicationFactor, settingsConflict } from './settings.js';

const SETTINGS: MemberSettings = { replicas: 2, placement: 1, protocol: { min: 1, max: 2 } };

function member(id: string, settings?: Partial<MemberSettings>, state: MemberState = 'up'): Member {
  const record = { id, incarnation: 1, host: 'h', dataPort: 1, httpPort: 2, weight: 1, zone: '', state };
  return checkedMember(settings === undefined ? record : { ...record, settings: { ...SETTINGS, ...settings } });
}

test('the replication factor in force is the highest that a member that is up states', () => {
  const three = member('c', { replicas: 3 });
  expect(replicationFactor([member('a', {}), member('b', {})], 1)).toBe(2);
  expect(replicationFactor([member('a', {}), member('b', {}), three], 1)).toBe(3);
  expect(replicationFactor([member('a', {}), member('c', { replicas: 3 }, 'joining')], 1)).toBe(2);
  expect(replicationFactor([member('a', {}), member('c', { replicas: 3 }, 'leaving')], 1)).toBe(2);
});

test('members of a release that states nothing leave the factor to those that do, then to the process', () => {
  expect(replicationFactor([member('old'), member('a', { replicas: 2 })], 5)).toBe(2);
  expect(replicationFactor([member('old')], 3)).toBe(3);
  expect(replicationFactor([], 3)).toBe(3);
});

test('a process does not fit beside a member of another placement or without a common protocol version', () => {
  const own = { placement: 1, protocol: { min: 2, max: 3 } };
  expect(settingsConflict([member('a', {})], own)).toBeUndefined();
  expect(settingsConflict([member('a', { protocol: { min: 3, max: 9 } })], own)).toBeUndefined();
  const conflict = (members: Member[], selfId?: string) => {
    const found = settingsConflict(members, own, selfId);
    return found && `${found.member.id} ${found.setting}`;
  };
  expect(conflict([member('a', {}), member('b', { placement: 2 })])).toBe('b placement');
  expect(conflict([member('b', { protocol: { min: 4, max: 4 } })])).toBe('b protocol');
  expect(conflict([member('old')])).toBe('old protocol');
  expect(conflict([member('old')], 'old')).toBeUndefined();
});

test('the version that two ranges have in common is the highest', () => {
  expect(commonVersion({ min: 1, max: 3 }, { min: 2, max: 5 })).toBe(3);
  expect(commonVersion({ min: 1, max: 1 }, { min: 2, max: 5 })).toBeUndefined();
});

test.each([
  ['replicas', { replicas: 0 }],
  ['replicas', { replicas: 1.5 }],
  ['placement', { placement: 0 }],
  ['protocol.min', { protocol: { min: 0, max: 1 } }],
  ['protocol.max', { protocol: { min: 2, max: 1 } }],
])('settings with a wrong %s are refused by name', (field, settings) => {
  expect(() => member('a', settings)).toThrow(`member.settings.${field}`);
});

test('a record differs where its settings do', () => {
  expect(sameMember(member('a', {}), member('a', {}))).toBe(true);
  expect(sameMember(member('a', {}), member('a'))).toBe(false);
  for (const other of [{ replicas: 3 }, { placement: 2 }, { protocol: { min: 2, max: 2 } }]) {
    expect(sameMember(member('a', {}), member('a', other))).toBe(false);
  }
});

test('a release that knows no settings keeps those of the others in the registry file', () => {
  const lease = (of: Member): Lease => ({
    ...{ member: of, leaseMs: 3000, renewedAtMs: 1, expiresAtMs: 3001, sharedOutage: false },
    ...{ heldUntilMs: 0, admittedEpoch: 1, seenEpoch: 1, takenOver: false, heard: true, accuses: new Map() },
  });
  const members = [member('a', {}), member('old')];
  const ledger = { ...EMPTY_LEDGER, epoch: 4, leases: new Map(members.map((each) => [each.id, lease(each)])) };
  const text = encodeLedger(ledger);
  expect([...decodeLedger(text)!.leases.values()].map((each) => each.member)).toEqual(members);

  // What that release does with a file: unknown fields of a lease stay, those of a member go.
  const [, json = ''] = text.split('\n');
  const stored = JSON.parse(json) as { leases: { member: Member }[] };
  for (const each of stored.leases) {
    const { id, incarnation, host, dataPort, httpPort, weight, zone, state } = each.member;
    each.member = { id, incarnation, host, dataPort, httpPort, weight, zone, state };
  }
  const rewritten = encodeLedger({ ...ledger, leases: new Map(stored.leases.map((each) => [each.member.id, { ...lease(each.member), ...each, accuses: new Map() }])) }); // prettier-ignore
  expect([...decodeLedger(rewritten)!.leases.values()].map((each) => each.member)).toEqual(members);
});
