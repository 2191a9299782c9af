import { ClusterMembership } from './cluster-membership.js';
import { MemberSupersededError } from './errors.js';
import type { View } from './member.js';
import type { RegistryStatus } from './membership-events.js';
import type { ClusterMembershipOptions } from './membership-options.js';
import type { Registry } from './registry.js';
import { member } from './registry.conformance.js';
import { ClusterClock } from './cluster-clock.js';
import { FakeTime } from '../test/fake-time.js';
import { FaultyRegistry } from '../test/faulty-registry.js';

describe('ClusterMembership', () => {
  let time: FakeTime;
  let registry: FaultyRegistry;
  let seed: number;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;

  beforeEach(() => {
    time = new FakeTime();
    seed = 42;
    registry = new FaultyRegistry(() => time.now);
  });

  const make = (id?: string, rest: Partial<ClusterMembershipOptions> = {}): ClusterMembership =>
    new ClusterMembership({
      cluster: 'c',
      registry,
      ...(id !== undefined && { self: { id, host: 'h', dataPort: 1, httpPort: 2 } }),
      now: () => time.now,
      monotonic: () => time.now,
      random,
      timers: time,
      ...rest,
    });
  const ids = ({ members }: View): string[] => members.map(({ id }) => id);
  const cluster = async (): Promise<ClusterMembership[]> => {
    const nodes = [make('a'), make('b'), make('c'), make()];
    for (const node of nodes) await (node.self ? node.join() : node.start());
    await time.pass(100);
    return nodes;
  };
  const views = (node: ClusterMembership): [number, ...string[]][] => {
    const seen: [number, ...string[]][] = [];
    node.on('view', (view) => seen.push([view.epoch, ...ids(view)]));
    return seen;
  };

  test('a member joins as "joining" with a fresh incarnation, goes "up", "leaving" and out; an observer sees it all', async () => {
    const observer = make();
    const states: string[][] = [];
    observer.on('view', (view) => states.push(view.members.map(({ state }) => state)));
    expect(await observer.start()).toEqual({ epoch: 0, members: [] });
    const node = make('a', { self: { id: 'a', host: 'h', dataPort: 1, httpPort: 2, weight: 2, zone: 'z' } });
    const joined = await node.join();
    expect(joined.members).toEqual([
      {
        ...{ id: 'a', incarnation: time.now, host: 'h', dataPort: 1, httpPort: 2 },
        weight: 2,
        zone: 'z',
        state: 'joining',
      },
    ]);
    expect(node.view).toBe(joined);
    expect(node.registryReachable).toBe(true);
    expect(node.lastHeartbeatAt).toBe(time.now);
    for (const state of ['up', 'leaving'] as const) {
      await time.pass(200);
      expect((await node.update({ state })).members[0]!.state).toBe(state);
    }
    await time.pass(200);
    await node.leave();
    expect(node.view.members).toEqual([]);
    await time.pass(200);
    expect(states).toEqual([[], ['joining'], ['up'], ['leaving'], []]);
    await observer.close();
    await node.close();
    expect(time.pending).toBe(0);
  });

  test('heartbeats come about once in heartbeatMs, spread', async () => {
    const node = make('a');
    await node.join();
    const before = registry.heartbeats;
    await time.pass(60_000);
    expect(registry.heartbeats - before).toBeGreaterThanOrEqual(54);
    expect(registry.heartbeats - before).toBeLessThanOrEqual(67);
    await node.close();
  });

  test('a member that was expelled meanwhile is told so, before it sees the view', async () => {
    const [a, b] = (await cluster()) as [ClusterMembership, ClusterMembership];
    const seen: string[] = [];
    a.on('readmitted', () => seen.push('readmitted'));
    a.on('view', ({ epoch }) => seen.push(`view ${epoch}`));
    registry.unreachableFor = 'a';
    await time.pass(6000);
    expect(ids(b.view)).toEqual(['b', 'c']);
    registry.unreachableFor = undefined;
    seen.length = 0;
    await time.pass(2000);
    expect(seen[0]).toBe('readmitted');
    expect(seen[1]).toMatch(/^view/);
    registry.reachable = false;
    await time.pass(6000);
    registry.reachable = true;
    seen.length = 0;
    await time.pass(2000);
    expect(seen).toEqual([]); // it was in all the time
  });

  test('a node that closes without leaving is expelled after its lease; nothing is left running', async () => {
    const [a, b, c, observer] = (await cluster()) as [
      ClusterMembership,
      ClusterMembership,
      ClusterMembership,
      ClusterMembership,
    ];
    await c.close();
    await c.close();
    await time.pass(2_500);
    expect(ids(observer.view)).toEqual(['a', 'b', 'c']);
    await time.pass(2_000);
    expect(ids(observer.view)).toEqual(['a', 'b']);
    expect(ids(c.view)).toEqual(['a', 'b', 'c']);
    await Promise.all([a, b, observer].map((each) => each.close()));
    expect(time.pending).toBe(0);
    await expect(c.join()).rejects.toMatchObject({ code: 'ERR_MEMBERSHIP_CLOSED' });
    await expect(c.refresh()).rejects.toMatchObject({ code: 'ERR_MEMBERSHIP_CLOSED' });
  });

  test('join() tries until the registry is there, and rejects after its time', async () => {
    registry.reachable = false;
    const node = make('a', { joinTimeoutMs: 5_000 });
    const statuses: RegistryStatus[] = [];
    node.on('registry', (status) => statuses.push(status));
    const failed = node.join().catch((error: unknown) => error);
    await time.pass(6_000);
    expect(await failed).toMatchObject({ code: 'ERR_JOIN_TIMEOUT', cause: { code: 'ERR_REGISTRY_UNAVAILABLE' } });
    expect(registry.heartbeats).toBeGreaterThan(5);
    expect(registry.heartbeats).toBeLessThan(20);
    const joined = node.join();
    await time.pass(500);
    registry.reachable = true;
    await time.pass(1_000);
    expect(ids(await joined)).toEqual(['a']);
    expect(statuses[0]).toMatchObject({ reachable: false, error: { code: 'ERR_REGISTRY_UNAVAILABLE' } });
    expect(statuses.at(-1)).toEqual({ reachable: true });
    await node.close();
  });

  test('close() ends a join() that waits', async () => {
    registry.reachable = false;
    const node = make('a');
    const joined = node.join().catch((error: unknown) => error);
    await time.pass(100);
    await node.close();
    expect(await joined).toMatchObject({ code: 'ERR_MEMBERSHIP_CLOSED' });
    expect(time.pending).toBe(0);
  });

  test('everybody keeps the view while the registry is out of reach for a minute, and nobody is evicted after it', async () => {
    const nodes = await cluster();
    const changes = nodes.map(views);
    const statuses = nodes.map((node) => {
      const seen: boolean[] = [];
      node.on('registry', ({ reachable }) => seen.push(reachable));
      return seen;
    });
    registry.reachable = false;
    await time.pass(60_000);
    expect(nodes.map(({ registryReachable }) => registryReachable)).toEqual([false, false, false, false]);
    await expect(nodes[0]!.update({ state: 'up' })).rejects.toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
    registry.reachable = true;
    await time.pass(10_000);
    const { epoch } = nodes[3]!.view;
    expect(nodes[3]!.view.members.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'up'], // the update went with the next heartbeat
      ['b', 'joining'],
      ['c', 'joining'],
    ]);
    expect(changes).toEqual(nodes.map(() => [[epoch, 'a', 'b', 'c']]));
    expect(statuses).toEqual(nodes.map(() => [false, true]));
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('a wiped registry takes all members over with the first call: no view shrinks and no epoch falls', async () => {
    const nodes = await cluster();
    const changes = nodes.map(views);
    const before = nodes[0]!.view.epoch;
    let readmitted = 0;
    for (const node of nodes) node.on('readmitted', () => readmitted++);
    registry.wipe();
    await time.pass(2_000);
    const { epoch } = nodes[3]!.view;
    expect(epoch).toBeGreaterThan(before);
    for (const seen of changes) expect(seen).toEqual([[epoch, 'a', 'b', 'c']]);
    expect(await registry.read('c')).toEqual(nodes[3]!.view);
    expect(readmitted).toBe(0);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('newcomers in a wiped registry push nobody out: an observer or a member brings the others', async () => {
    const nodes = await cluster();
    const changes = nodes.map(views);
    registry.wipe();
    const [d, e] = [make('d'), make('e')];
    await d.join();
    await e.join();
    await time.pass(2_000);
    const all = ['a', 'b', 'c', 'd', 'e'];
    for (const node of [...nodes, d, e]) expect(ids(node.view)).toEqual(all);
    for (const seen of changes) for (const [, ...members] of seen) expect(members).toEqual(all);
    await Promise.all([...nodes, d, e].map((node) => node.close()));
  });

  test('a registry that was restored is not believed in what it has forgotten, nor in what it still knows', async () => {
    const nodes = await cluster();
    registry.backUp();
    const [d, observer] = [make('d'), nodes[3]!];
    await d.join();
    await nodes[2]!.leave();
    await time.pass(1_000);
    expect(ids(observer.view)).toEqual(['a', 'b', 'd']);
    const changes = [...nodes.slice(0, 2), observer, d].map(views);
    registry.restore();
    await time.pass(4_000);
    for (const seen of changes) for (const [, ...members] of seen) expect(members).toEqual(['a', 'b', 'd']);
    expect(ids(await registry.read('c'))).toEqual(['a', 'b', 'd']);
    await Promise.all([...nodes, d].map((node) => node.close()));
  });

  test('says so when a registry gives out an epoch twice, and keeps the view that it has', async () => {
    const logged: string[] = [];
    const node = make('a', { log: (message) => logged.push(message) });
    await node.join();
    const { view } = node;
    const other = { epoch: view.epoch, members: [...view.members, member('b')] };
    jest.spyOn(registry, 'read').mockResolvedValue(other);
    await node.refresh();
    expect(node.view).toBe(view);
    expect(logged).toContain('two views of one epoch: the registry is not one');
    await node.close();
  });

  test('of two processes with one id the older stops and says so', async () => {
    const old = make('a');
    const statuses: RegistryStatus[] = [];
    old.on('registry', (status) => statuses.push(status));
    await old.join();
    await time.pass(2_000);
    const young = make('a');
    await young.join();
    expect(young.self!.incarnation).toBeGreaterThan(old.self!.incarnation);
    await time.pass(2_000);
    expect(old.superseded).toBe(true);
    expect(statuses.at(-1)).toEqual({ reachable: true, error: expect.any(MemberSupersededError) });
    await expect(old.update({ state: 'up' })).rejects.toMatchObject({ code: 'ERR_MEMBERSHIP_CLOSED' });
    await old.leave(); // must not take the younger one out
    await time.pass(10_000);
    expect(young.superseded).toBe(false);
    expect((await registry.read('c')).members).toEqual([young.self]);
    await young.close();
    await old.close();
    expect(time.pending).toBe(0);
  });

  test('a restarted node whose clock is two minutes behind takes its own id over', async () => {
    const before = make('a');
    await before.join();
    const after = make('a', { now: () => time.now - 120_000 });
    await after.join();
    expect(after.self!.incarnation).toBe(before.self!.incarnation + 1);
    expect(after.view.members).toEqual([after.self]);
    await after.close();
    await before.close();
  });

  test('a member that flaps is told that it is held back, and is let in by and by', async () => {
    const [a, b] = [make('a'), make('b')];
    await a.join();
    await b.join();
    let node = make('f');
    for (let i = 0; i < 3; i++) {
      await node.join();
      if (i === 2) break;
      await node.close();
      await time.pass(4_500);
      node = make('f');
    }
    expect(node.damped).toBe(true);
    expect(ids(node.view)).toEqual(['a', 'b']);
    await time.pass(7_000);
    expect(node.damped).toBe(false);
    expect(ids(b.view)).toEqual(['a', 'b', 'f']);
    await Promise.all([a, b, node].map((each) => each.close()));
  });

  test('a clock that is too far off is drawn anew before anything that the registry said is acted on', async () => {
    let reading = { offsetMs: 500_000, errorMs: 1 };
    const clock = new ClusterClock({ reading: () => reading, monotonic: () => time.now, wall: () => 0 });
    const node = make('a', { clock, now: clock.now });
    const told: unknown[] = [];
    node.on('clock', (gapMs) => told.push([gapMs, Math.ceil(clock.now() - time.now), node.view.epoch]));
    await node.join();
    expect(node.self!.incarnation).toBe(time.now + 500_000);
    reading = { offsetMs: 500_200, errorMs: 1 };
    await time.pass(10_000);
    expect(told).toEqual([]);
    expect(clock.now() - time.now).toBe(500_200);
    reading = { offsetMs: 540_000, errorMs: 1 };
    const { epoch } = node.view;
    await registry.heartbeat('c', { member: member('b'), leaseMs: 60_000 });
    await time.pass(1_100);
    expect(told).toEqual([[39_800, 540_000, epoch]]);
    expect(node.view.epoch).toBe(epoch + 1);
    await node.close();
  });

  test('a wall clock that is set while it runs changes nothing', async () => {
    let stepMs = 0;
    const node = make('a', { now: () => time.now + stepMs });
    const told: unknown[] = [];
    node.on('readmitted', () => told.push('readmitted'));
    const { epoch } = await node.join();
    for (stepMs of [3_600_000, -3_600_000]) {
      registry.reachable = false;
      await time.pass(1_000);
      registry.reachable = true;
      await time.pass(5_000);
    }
    expect(told).toEqual([]);
    expect(node.view.epoch).toBe(epoch);
    await node.close();
  });

  test('refresh() shares one read, keeps reads apart, and reads nothing for an epoch it has', async () => {
    const observer = make(undefined, { refreshIntervalMs: 500 });
    await observer.start();
    await registry.heartbeat('c', { member: member('a'), leaseMs: 60_000 });
    await time.pass(100); // the hint made it read
    const before = registry.reads;
    const { epoch } = observer.view;
    expect(await observer.refresh(epoch)).toBe(observer.view);
    expect(registry.reads).toBe(before);
    const both = Promise.all([observer.refresh(epoch + 1), observer.refresh()]);
    await time.pass(300);
    expect(registry.reads).toBe(before);
    await time.pass(300);
    expect(registry.reads).toBe(before + 1);
    expect((await both)[0].epoch).toBe(epoch);
    await observer.close();
  });

  test.each([
    ['refresh(epoch)', true],
    ['a hint', false],
  ])('%s is not content with a read that came before the change', async (_, isNamed) => {
    const observer = make(undefined, { heartbeatMs: 60_000, leaseMs: 180_000, refreshIntervalMs: 1 });
    await observer.start();
    const join = (id: string): Promise<unknown> => registry.heartbeat('c', { member: member(id), leaseMs: 600_000 });
    await join('a');
    await time.pass(100);
    const { epoch } = observer.view;
    expect(observer.view.members).toHaveLength(1);
    let release = (): void => undefined;
    registry.answersDelayed = new Promise((done) => (release = done));
    const early = observer.refresh();
    await time.pass(10);
    await join('b');
    const late = isNamed ? observer.refresh(epoch + 1) : undefined;
    await time.pass(50);
    registry.answersDelayed = undefined;
    release();
    await early;
    await time.pass(100);
    await late;
    expect(observer.view.epoch).toBe(epoch + 1);
    await observer.close();
  });

  test('an older process knows that it was superseded also when the error is of another copy of this package', async () => {
    const node = make('a');
    await node.join();
    const foreign = Object.assign(new Error('superseded'), { code: 'ERR_MEMBER_SUPERSEDED', currentIncarnation: 9 });
    registry.heartbeat = async () => Promise.reject(foreign);
    await time.pass(2_000);
    expect(node.superseded).toBe(true);
  });

  test.each([-3_600_000, 3_600_000])('tries to join for as long when the wall clock moves by %d ms', async (step) => {
    let wall = 0;
    registry.reachable = false;
    const node = make('a', { now: () => time.now + wall, joinTimeoutMs: 5_000 });
    const began = time.now;
    let endedAt = 0;
    const joining = node.join().catch((error: unknown) => {
      endedAt = time.now;
      return error;
    });
    await time.pass(1_000);
    wall = step;
    await time.pass(9_000);
    expect(await joining).toMatchObject({ code: 'ERR_JOIN_TIMEOUT' });
    expect(endedAt - began).toBeGreaterThan(3_000);
    expect(endedAt - began).toBeLessThanOrEqual(5_000);
    await node.close();
  });

  test('refuses events, options and fields that there are not, by name', async () => {
    const node = make('a');
    for (const listen of [node.on, node.once, node.off]) {
      expect(() => listen.call(node, 'veiw' as 'view', () => undefined)).toThrow(
        /event: got "veiw", want one of view,/,
      );
    }
    const unknown = (rest: object) => () => make('a', rest as Partial<ClusterMembershipOptions>);
    expect(unknown({ heartbeat: 5 })).toThrow(/ClusterMembership: there is no "heartbeat", only .*heartbeatMs/);
    expect(unknown({ self: { id: 'a', host: 'h', dataPort: 1, httpPort: 2, wieght: 3 } })).toThrow(
      /self: there is no "wieght", only .*weight/,
    );
    await expect(node.update({ wieght: 3 } as object)).rejects.toThrow(/update: there is no "wieght"/);
    await expect(node.waitFor(() => true, { timeout: 1 } as never)).rejects.toThrow(/waitFor: there is no "timeout"/);
    await node.close();
  });

  test('once() calls for one event, and waitFor() resolves with the first view that is wanted', async () => {
    const observer = make();
    let calls = 0;
    observer.once('view', () => calls++);
    await observer.start();
    const wanted = observer.waitFor(({ members }) => members.length === 2, { timeoutMs: 5_000 });
    const [a, b] = [make('a'), make('b')];
    await a.join();
    await time.pass(500);
    await b.join();
    await time.pass(500);
    expect(ids(await wanted)).toEqual(['a', 'b']);
    expect(calls).toBe(1);
    expect(await observer.waitFor(() => true, { timeoutMs: 0 })).toBe(observer.view);
    await Promise.all([a, b, observer].map((each) => each.close()));
    expect(time.pending).toBe(0);
  });

  test('waitFor() ends with its time, with the membership, and with what the predicate throws', async () => {
    const observer = make();
    await observer.start();
    const never = { timeoutMs: 1_000 };
    const late = observer.waitFor(() => false, never);
    const broken = observer.waitFor(({ members }) => {
      if (members.length > 0) throw new RangeError('broken');
      return false;
    }, never);
    await Promise.all([
      expect(late).rejects.toMatchObject({ code: 'ERR_WAIT_TIMEOUT' }),
      expect(broken).rejects.toThrow(RangeError),
      registry.heartbeat('c', { member: member('a'), leaseMs: 60_000 }).then(() => time.pass(2_000)),
    ]);
    const cut = observer.waitFor(() => false, { timeoutMs: 60_000 });
    await observer[Symbol.asyncDispose]();
    await expect(cut).rejects.toMatchObject({ code: 'ERR_MEMBERSHIP_CLOSED' });
    expect(time.pending).toBe(0);
  });

  test.each<[Partial<ClusterMembershipOptions>, string]>([
    [{ cluster: 'a b' }, 'cluster'],
    [{ heartbeatMs: 2_000 }, 'heartbeatMs'],
    [{ leaseMs: 1 }, 'leaseMs'],
    [{ joinTimeoutMs: 0 }, 'joinTimeoutMs'],
    [{ refreshIntervalMs: -1 }, 'refreshIntervalMs'],
    [{ registry: {} as Registry }, 'registry'],
    [{ self: { id: 'a', host: '', dataPort: 1, httpPort: 2 } }, 'member.host'],
  ])('refuses %j, naming the option', (options, name) => {
    expect(() => make('a', options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => make('a', options)).toThrow(`${name}: got`);
  });

  test('members join() and observers start()', async () => {
    await expect(make().join()).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(make('a').start()).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(make().update({ weight: 2 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    const node = make('a');
    await expect(node.update({ weight: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await node.leave(); // before any join: nothing to leave
    expect(registry.heartbeats).toBe(0);
  });
});
