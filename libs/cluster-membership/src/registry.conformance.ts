import type { DampingPolicy } from './damping.js';
import { historyOf } from './epoch.js';
import { MemberSupersededError } from './errors.js';
import type { Member, View } from './member.js';
import type { Accusation, Heartbeat, HeartbeatResult, Registry } from './registry.js';

/** What a registry needs to be held to the contract. One unit of time is a third of a lease. */
export interface Harness {
  readonly unitMs: number;
  /** A registry over the store; several share it. The suite closes them. */
  open(damping: Partial<DampingPolicy>): Registry;
  /** Ids that the store can hold; a stand-in may not know all. */
  readonly ids?: readonly string[];
  /** Lets time pass. */
  advance(units: number): Promise<void>;
  /** Destroys everything that is stored. */
  wipe(): Promise<void>;
  close(): Promise<void>;
}

const CLUSTER = 'test.1';

export function describeRegistry(name: string, start: () => Promise<Harness>): void {
  describe(`${name}, as every registry,`, () => {
    let harness: Harness;
    let registry: Registry;
    let opened: Registry[];
    let leaseMs: number;

    const open = (): Registry => {
      const { unitMs } = harness;
      const damping = { baseHoldMs: 5 * unitMs, maxHoldMs: 10 * unitMs, windowMs: 60 * unitMs };
      const another = harness.open(damping);
      opened.push(another);
      return another;
    };
    // Epochs are shown without their history, as the number of the view in it, where a test does not say otherwise.
    const raw = (member: Member, last?: View, from = registry): Promise<HeartbeatResult> =>
      from.heartbeat(CLUSTER, { member, leaseMs, ...(last && { last }) });
    const beat = async (member: Member, rest: Partial<Heartbeat> = {}): Promise<HeartbeatResult> => {
      const result = await registry.heartbeat(CLUSTER, { member, leaseMs, ...rest });
      return { ...result, view: short(result.view), admittedEpoch: numberOf(result.admittedEpoch) };
    };
    const look = async (from = registry): Promise<View> => short(await from.read(CLUSTER));
    /** Time in which some members go on with their heartbeats, and say that others are gone. Returns the expelled. */
    const pass = async (
      units: number,
      alive: readonly Member[] = [],
      gone: readonly Member[] = [],
      kind: Accusation['kind'] = 'refused',
    ): Promise<string[]> => {
      const expelled: string[] = [];
      const accuses = gone.map(({ id, incarnation }) => ({ id, incarnation, kind }));
      for (let i = 0; i < units; i++) {
        await harness.advance(1);
        for (const member of alive) expelled.push(...(await beat(member, { accuses })).expelled);
      }
      return expelled;
    };
    const leave = async ({ id, incarnation }: Member): Promise<View> =>
      short(await registry.remove(CLUSTER, id, incarnation));

    beforeEach(async () => {
      harness = await start();
      opened = [];
      leaseMs = 3 * harness.unitMs;
      registry = open();
    });
    afterEach(async () => {
      await Promise.all(opened.map((each) => each.close()));
      await harness.close();
    });

    test('knows nothing of a cluster that nobody joined', async () => {
      expect(await look()).toEqual({ epoch: 0, members: [] });
      expect(await registry.remove(CLUSTER, 'a', 1)).toEqual({ epoch: 0, members: [] });
    });

    test('puts a member into the view with its first heartbeat and sorts members by id', async () => {
      const [b, a] = [member('b'), member('a', { weight: 2.5, zone: 'z 1', state: 'joining' })];
      expect(await beat(b)).toMatchObject({ view: { epoch: 1, members: [b] }, expelled: [], damped: false });
      const { view, serverTimeMs } = await beat(a);
      expect(view).toEqual({ epoch: 2, members: [a, b] });
      expect(Number.isSafeInteger(serverTimeMs)).toBe(true);
      const read = await open().read(CLUSTER);
      expect(short(read)).toEqual(view);
      expect(Object.isFrozen(read) && Object.isFrozen(read.members)).toBe(true);
    });

    test('raises the epoch for a changed record and not for a renewal', async () => {
      const a = member('a', { state: 'joining' });
      await beat(a);
      expect((await beat(a)).view.epoch).toBe(1);
      expect((await beat({ ...a, state: 'up' })).view).toEqual({ epoch: 2, members: [{ ...a, state: 'up' }] });
      expect((await beat({ ...a, state: 'up', weight: 3 })).view.epoch).toBe(3);
      expect((await beat({ ...a, state: 'up', weight: 3 })).view.epoch).toBe(3);
      expect((await look()).epoch).toBe(3);
    });

    test('keeps any id apart, and any cluster', async () => {
      const ids = [...(harness.ids ?? ['__proto__', 'constructor']), 'a:b', 'ключ', '{x}*'].sort();
      const members = ids.map((id) => member(id));
      for (const each of members) await beat(each);
      const { view } = await registry.heartbeat('other', { member: member('a'), leaseMs });
      expect(short(view)).toEqual({ epoch: 1, members: [member('a')] });
      expect(await look()).toEqual({ epoch: members.length, members });
    });

    test('expels a member that is gone with the first heartbeat after its lease', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await beat(each);
      expect(await pass(2, [a, b], [c])).toEqual([]);
      expect(await pass(2, [a, b], [c])).toEqual(['c']);
      expect(await look()).toEqual({ epoch: 4, members: [a, b] });
    });

    test('keeps a member whose lease is over in the view for as long as nobody accuses it', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await beat(each);
      expect(await pass(1, [a])).toEqual([]);
      expect(await pass(20, [a])).toEqual([]);
      expect(await beat(a)).toMatchObject({ overdue: ['b', 'c'], view: { epoch: 3, members: [a, b, c] } });
      expect(await beat(c)).toMatchObject({ overdue: ['b'], view: { epoch: 3 } });
    });

    test('expels a silent member when half of the view has accused it for half a lease', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await beat(each);
      await pass(6, [a, b]);
      expect(await pass(2, [a, b], [c], 'silent')).toEqual([]); // it stands for 1 unit of the 1.5 that it takes
      expect(await pass(1, [a, b], [c], 'silent')).toEqual(['c']);
    });

    test('does not count accusations that were withdrawn, or that name another process', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await beat(each);
      await pass(2, [a, b], [c]);
      expect(await pass(3, [a, b])).toEqual([]);
      expect(await pass(3, [a, b], [{ ...c, incarnation: 2 }])).toEqual([]);
      expect(await pass(1, [a, b], [c])).toEqual(['c']);
    });

    test('expels nobody on the word of one of three, unless it is the only one left', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await beat(each);
      await pass(2, [a, b, c]);
      const accuses = [{ id: 'c', incarnation: 1, kind: 'refused' as const }];
      for (let i = 0; i < 6; i++) {
        await harness.advance(1);
        expect((await beat(a, { accuses })).expelled).toEqual([]);
        expect((await beat(b)).expelled).toEqual([]);
      }
      expect(await pass(8, [a], [b, c], 'silent')).toEqual([]);
      expect(await pass(1, [a], [b, c])).toEqual(['b', 'c']);
    });

    test('lets one of two expel the other', async () => {
      const [a, b] = [member('a'), member('b')];
      await beat(a);
      await beat(b);
      expect(await pass(2, [a], [b], 'silent')).toEqual([]);
      expect(await pass(2, [a], [b], 'silent')).toEqual(['b']);
    });

    test('counts no newcomer against a member that may not know of it', async () => {
      const old = [member('a'), member('b'), member('c')];
      for (const each of old) await raw(each);
      const last = await registry.read(CLUSTER);
      for (const each of old) await raw(each, last);
      const [a, b, c] = old as [Member, Member, Member];
      const young = [member('d'), member('e')];
      for (const each of young) await raw(each, last);
      expect(await pass(6, [c, ...young], [a, b], 'silent')).toEqual([]); // a and b may have a view of three
      expect(await pass(3, [b, c, ...young], [a], 'silent')).toEqual(['a']);
    });

    test('says with which epoch a member came in', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const [i, each] of [a, b, c].entries()) expect((await beat(each)).admittedEpoch).toBe(i + 1);
      expect((await beat(c)).admittedEpoch).toBe(3);
      expect((await beat({ ...c, weight: 2 })).admittedEpoch).toBe(3);
      expect(await pass(4, [a, b], [c])).toEqual(['c']);
      expect(await beat(c)).toMatchObject({ admittedEpoch: 6, view: { epoch: 6 } });
      expect((await beat({ ...c, incarnation: 2 })).damped).toBe(true); // its second crash
    });

    test('lets an observer notice a lease that is over', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      await beat(c);
      const accuses = [{ id: 'c', incarnation: 1, kind: 'refused' as const }];
      await beat(a, { leaseMs: 20 * leaseMs, accuses });
      await beat(b, { leaseMs: 20 * leaseMs, accuses });
      await harness.advance(4);
      expect(await look()).toEqual({ epoch: 4, members: [a, b] });
      expect(await look(open())).toEqual({ epoch: 4, members: [a, b] });
    });

    test('takes a leaving member out, and nobody newer than the one who leaves', async () => {
      const [a, old] = [member('a', { incarnation: 7 }), member('a', { incarnation: 6 })];
      await beat(a);
      expect(await leave(old)).toEqual({ epoch: 1, members: [a] });
      expect(await leave(a)).toEqual({ epoch: 2, members: [] });
      expect(await leave(a)).toEqual({ epoch: 2, members: [] });
      expect(await beat(old)).toMatchObject({ view: { epoch: 3, members: [old] } });
    });

    test('refuses the older of two processes with one id while the newer holds the lease', async () => {
      const [old, young] = [member('a', { incarnation: 41 }), member('a', { incarnation: 42 })];
      const others = [member('b'), member('c')];
      for (const each of [old, ...others]) await beat(each);
      expect((await beat(young)).view).toMatchObject({ epoch: 4, members: [young, ...others] });
      const refused = await beat(old).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(MemberSupersededError);
      expect(refused).toMatchObject({ code: 'ERR_MEMBER_SUPERSEDED', currentIncarnation: 42 });
      await pass(4, others, [young]);
      expect((await beat(old)).damped).toBe(true); // taken again; it crashed twice, so not into the view at once
    });

    test('evicts nobody after an outage in which no heartbeat came through', async () => {
      for (const members of [
        [member('a'), member('b')],
        [member('a'), member('b'), member('c')],
      ]) {
        for (const each of members) await beat(each);
        const { epoch } = await look();
        await harness.advance(6);
        expect(await pass(4, members)).toEqual([]);
        expect(await look()).toEqual({ epoch, members });
      }
    });

    test('holds a flapping member back for longer each time, and lets it in when it stays', async () => {
      const steady = [member('a'), member('b')];
      for (const each of steady) await beat(each);
      const flap = async (incarnation: number): Promise<HeartbeatResult> => {
        await pass(4, steady, [member('f', { incarnation: incarnation - 1 })]);
        return beat(member('f', { incarnation }));
      };
      expect((await beat(member('f', { incarnation: 1 }))).damped).toBe(false);
      expect((await flap(2)).damped).toBe(false); // one crash is free
      const { damped, view } = await flap(3);
      expect(damped).toBe(true);
      expect(view.members).toEqual(steady);
      const third = member('f', { incarnation: 3 });
      await pass(3, [...steady, third]);
      expect(await beat(third)).toMatchObject({ damped: true, view: { epoch: view.epoch } });
      await pass(3, [...steady, third]);
      expect(await beat(third)).toMatchObject({ damped: false, view: { epoch: view.epoch + 1 } });
      const fourth = member('f', { incarnation: 4 });
      expect((await beat(fourth)).damped).toBe(true); // a restart under a lease still held is a crash, too
      expect((await look()).members).toEqual(steady);
      await pass(6, [...steady, fourth]);
      expect((await beat(fourth)).damped).toBe(true); // 10 units this time
      await pass(5, [...steady, fourth]);
      expect((await beat(fourth)).view.members).toEqual([...steady, fourth]);
    });

    test('does not hold back those who crashed together, however often, nor the last of them to return', async () => {
      const ids = ['a', 'b', 'c'];
      for (let incarnation = 1; incarnation < 6; incarnation++) {
        for (const id of ids) expect(await beat(member(id, { incarnation }))).toMatchObject({ damped: false });
        await harness.advance(3);
      }
    });

    test('does not hold back who left gracefully, or who is the only one', async () => {
      const steady = member('a');
      await beat(steady);
      for (let incarnation = 1; incarnation < 6; incarnation++) {
        const restarting = member('f', { incarnation });
        expect((await beat(restarting)).damped).toBe(false);
        await beat({ ...restarting, state: 'leaving' });
        await leave(restarting);
      }
      await leave(steady);
      for (let incarnation = 10; incarnation < 15; incarnation++) {
        expect((await beat(member('f', { incarnation }))).damped).toBe(false);
      }
    });

    test('takes over the members of a caller that knows more than it does, and evicts nobody when it was wiped', async () => {
      const [a, b, c, young] = [member('a'), member('b'), member('c'), member('new')];
      for (const each of [a, b, c]) await raw(each);
      const last = await registry.read(CLUSTER);
      await harness.wipe();
      const { view, admittedEpoch } = await raw(a, last);
      expect(view.members).toEqual([a, b, c]);
      expect(view.epoch).toBeGreaterThan(last.epoch);
      expect(historyOf(view.epoch)).toBeGreaterThan(historyOf(last.epoch));
      expect(admittedEpoch).toBe(0); // it was never out
      expect((await raw(b, last)).view).toEqual(view);
      expect((await raw(young)).view).toEqual({ epoch: view.epoch + 1, members: [a, b, c, young] });
      expect(await pass(5, [a, b, young])).toEqual([]);
      expect((await look()).members).toEqual([a, b, c, young]); // a suspect: nobody accuses it
      expect(await pass(3, [a, b, young], [c], 'silent')).toEqual(['c']);
    });

    test('takes over the members of a view that it may not know also when it has gone on with others', async () => {
      const [a, b, young] = [member('a'), member('b'), member('new')];
      for (const each of [a, b]) await raw(each);
      const last = await registry.read(CLUSTER);
      await harness.wipe();
      await harness.advance(1);
      const begun = await raw(young);
      expect(begun.view.epoch).toBeGreaterThan(last.epoch);
      const { view } = await raw(a, last);
      expect(view).toEqual({ epoch: begun.view.epoch + 1, members: [a, b, young] });
      expect((await raw(b, last)).view).toEqual(view);
      expect((await raw(young, begun.view)).view).toEqual(view);
    });

    test('takes over the members of an observer, and of one that leaves', async () => {
      const [a, b] = [member('a'), member('b')];
      for (const each of [a, b]) await raw(each);
      const last = await registry.read(CLUSTER);
      await harness.wipe();
      const view = await registry.read(CLUSTER, { last, leaseMs });
      expect(view.members).toEqual([a, b]);
      expect(view.epoch).toBeGreaterThan(last.epoch);
      await harness.wipe();
      const left = await registry.remove(CLUSTER, 'a', 1, view);
      expect(left.members).toEqual([b]);
      expect(left.epoch).toBeGreaterThan(view.epoch);
    });

    test('is not behind a caller for ever whose clock or registry ran ahead', async () => {
      const a = member('a');
      await raw(a);
      const far = { epoch: 2 ** 48, members: [a, member('b')] };
      const { view } = await raw(a, far);
      expect(view.members).toEqual(far.members);
      expect(view.epoch).toBeGreaterThan(far.epoch);
      expect((await raw(a, view)).view).toEqual(view);
    });

    test('begins all leases anew with a history, and accusations: renewals and withdrawals may be missing', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await raw(each);
      await pass(3, [a], [b, c], 'silent');
      const { view, expelled } = await raw(a, { epoch: 2 ** 48, members: [a] });
      expect([view.members, expelled]).toEqual([[a, b, c], []]);
      expect(await pass(2, [a], [b, c])).toEqual([]);
      expect(await pass(2, [a], [b, c])).toEqual(['b', 'c']);
    });

    test('keeps what a member says of itself, and its newer processes, over what an old view says', async () => {
      const [a, b, c] = [member('a'), member('b'), member('c')];
      for (const each of [a, b, c]) await raw(each);
      const last = await registry.read(CLUSTER);
      await harness.wipe();
      await harness.advance(1);
      await raw(member('a', { weight: 5 }));
      await raw(member('b', { incarnation: 2 }));
      const { view } = await raw(c, last);
      expect(view.members).toEqual([member('a', { weight: 5 }), member('b', { incarnation: 2 }), c]);
    });

    test('goes on from the views of the release before, whose epochs were small', async () => {
      const [a, b] = [member('a'), member('b')];
      const last = { epoch: 70, members: [a, b] };
      const { view } = await raw(a, last);
      expect(view.members).toEqual([a, b]);
      expect(view.epoch).toBeGreaterThan(70);
    });

    test('gives every change its own epoch when many come at once', async () => {
      const registries = [registry, open(), open()];
      const members = Array.from({ length: 12 }, (_, i) => member(`m${String(i).padStart(2, '0')}`));
      const results = await Promise.all(
        members.map((each, i) => registries[i % 3]!.heartbeat(CLUSTER, { member: each, leaseMs: 100_000 })),
      );
      const epochs = results.map(({ view }) => numberOf(view.epoch)).sort((x, y) => x - y);
      expect(epochs).toEqual(members.map((_, i) => i + 1));
      expect(await look()).toEqual({ epoch: 12, members });
    });

    test('hints at changes, also those of another process, until told to stop', async () => {
      const other = open();
      let hints = 0;
      const stop = await other.subscribe(CLUSTER, () => hints++);
      await beat(member('a'));
      await until(() => hints > 0);
      await stop();
      await stop();
      const seen = hints;
      await beat(member('b'));
      await new Promise((done) => setTimeout(done, 30));
      expect(hints).toBe(seen);
    });

    test('rejects what is not valid, naming it', async () => {
      const cases: [() => Promise<unknown>, string][] = [
        [() => beat(member('')), 'member.id'],
        [() => beat(member('a', { weight: 0 })), 'member.weight'],
        [() => beat(member('a', { dataPort: 65_536 })), 'member.dataPort'],
        [() => beat(member('a', { incarnation: 1.5 })), 'member.incarnation'],
        [() => beat(member('a'), { leaseMs: 0 }), 'leaseMs'],
        [() => beat(member('a'), { last: { epoch: -1, members: [] } }), 'last.epoch'],
        [() => beat(member('a'), { last: { epoch: 1 } as View }), 'last.members'],
        [() => beat(member('a'), { accuses: [{ id: 'b\n', incarnation: 1, kind: 'silent' }] }), 'accuses.id'],
        [() => registry.read('../x'), 'cluster'],
        [() => registry.remove(CLUSTER, 'a', 0.5), 'incarnation'],
        [() => registry.subscribe('', () => undefined), 'cluster'],
      ];
      for (const [call, option] of cases) {
        await expect(call()).rejects.toMatchObject({
          code: 'ERR_INVALID_OPTION',
          message: expect.stringContaining(`${option}: got`),
        });
      }
    });

    test('rejects fields that there are not, by name', async () => {
      const accuses = [{ id: 'b', incarnation: 1, kind: 'silent', wieght: 1 } as Accusation];
      const cases: [() => Promise<unknown>, string][] = [
        [() => beat(member('a', { wieght: 3 } as object)), 'member: there is no "wieght"'],
        [() => beat(member('a'), { minEpoch: 3 } as object), 'heartbeat: there is no "minEpoch"'],
        [() => beat(member('a'), { accuses }), 'accuses: there is no "wieght"'],
        [() => registry.read(CLUSTER, { viewSize: 3 } as object), 'read: there is no "viewSize"'],
      ];
      for (const [call, message] of cases) {
        await expect(call()).rejects.toMatchObject({
          code: 'ERR_INVALID_OPTION',
          message: expect.stringContaining(message),
        });
      }
    });

    test('rejects every call once it is closed', async () => {
      await registry.close();
      await registry.close();
      const closed = { code: 'ERR_REGISTRY_CLOSED' };
      await expect(beat(member('a'))).rejects.toMatchObject(closed);
      await expect(registry.read(CLUSTER)).rejects.toMatchObject(closed);
      await expect(leave(member('a'))).rejects.toMatchObject(closed);
      await expect(registry.subscribe(CLUSTER, () => undefined)).rejects.toMatchObject(closed);
    });
  });
}

/** The number of a view in its history. */
function numberOf(epoch: number): number {
  return epoch % 2 ** 15;
}

function short({ epoch, members }: View): View {
  return { epoch: numberOf(epoch), members };
}

export function member(id: string, rest: Partial<Member> = {}): Member {
  return {
    id,
    incarnation: 1,
    host: '127.0.0.1',
    dataPort: 7001,
    httpPort: 8001,
    weight: 1,
    zone: '',
    state: 'up',
    ...rest,
  };
}

/** Waits, at most two seconds, for something that happens soon. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((done) => setTimeout(done, 5));
  if (!condition()) throw new Error(`did not happen in 2 s: ${condition.toString()}`);
}
