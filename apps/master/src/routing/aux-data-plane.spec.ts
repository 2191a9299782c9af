import { ALWAYS } from '@dcs/protocol';
import { RespClientError, RespError } from '@dcs/resp';
import { FakeNetwork, FakeObserver, FakeTime, FakeViews, member, settle } from '../../test/fake-routing.js';
import { AuxDataPlane, type AuxDataPlaneOptions } from './aux-data-plane.js';

const VERSION = '0000000000010000000000ff';
const HEADER = `${VERSION} 0 s`;
const timedOut = () => new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true);
const lost = () => new RespClientError('ERR_RESP_CONNECTION_LOST', 'connection lost', true);

function setup(changes: Partial<AuxDataPlaneOptions> = {}, members = [member('n1'), member('n2')]) {
  const time = new FakeTime();
  const network = new FakeNetwork();
  const views = new FakeViews(members);
  const observer = new FakeObserver();
  const plane = new AuxDataPlane({
    membership: views,
    connect: network.connect,
    time,
    random: () => 0.5,
    observer,
    replicas: 1,
    requestTimeoutMs: 1000,
    operationTimeoutMs: 3000,
    retryBudgetPercent: 10,
    ...changes,
  });
  const owner = plane.locate('k').owners[0]!;
  return { time, network, views, observer, plane, owner, other: owner === 'n1' ? 'n2' : 'n1' };
}

test('reads go to the primary of the slot, with the epoch of the view', async () => {
  const { plane, network, owner } = setup();
  const read = plane.get('k');
  expect(network.last).toMatchObject({ to: owner, args: ['DCS.GET', '1', 'k'], timeoutMs: 1000 });
  network.last.answer(null, [HEADER, 'v']);
  expect(await read).toEqual({ version: VERSION, expiresAt: 0, kind: 's', value: 'v' });
});

test('an absent key and a tombstone are undefined', async () => {
  const { plane, network } = setup();
  const absent = plane.get('k');
  network.last.answer(null, null);
  expect(await absent).toBeUndefined();
  const deleted = plane.head('k');
  network.last.answer(null, `${VERSION} 0 d`);
  expect(await deleted).toBeUndefined();
});

test('every attempt of a write has the same stamp, and its number', async () => {
  const { plane, network, time, observer } = setup();
  const write = plane.set('k', 'v', 's', 0, ALWAYS);
  network.last.answer(timedOut(), null);
  await time.advance(500);
  network.last.answer(lost(), null);
  await time.advance(500);
  const writes = network.sent.map(({ args }) => args).filter(([name]) => name === 'DCS.SET');
  const [first, second, third] = writes;
  expect(writes).toHaveLength(3);
  expect(second![2]).toBe(first![2]);
  expect(third![2]).toBe(first![2]);
  expect([first, second, third].map((args) => args![3])).toEqual(['1', '2', '3']);
  network.sent
    .filter(({ args }) => args[0] === 'DCS.SET')
    .at(-1)!
    .answer(null, `1 ${VERSION}`);
  expect(await write).toEqual({ created: true, version: VERSION });
  expect(observer.retries).toEqual(['timeout', 'connection']);

  void plane.set('k', 'v', 's', 0, ALWAYS);
  expect(network.last.args[2]! > first![2]!).toBe(true);
});

test('the deadline bounds the operation: attempts get what is left, and it ends unavailable, not missing', async () => {
  const { plane, network, time } = setup();
  const read = plane.get('k');
  const outcome = expect(read).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  while (network.sent.length < 4) {
    const { answer, timeoutMs } = network.last;
    const count = network.sent.length;
    expect(timeoutMs).toBeLessThanOrEqual(1000);
    await time.advance(timeoutMs);
    answer(timedOut(), null);
    await time.advance(400);
    if (network.sent.length === count) break;
  }
  await outcome;
  expect(network.sent.length).toBe(3);
  expect(network.last.timeoutMs).toBeLessThan(1000);
  expect(time.timers).toBe(0);
});

test('LOADING ends as recovering when it lasts, and goes on when it does not', async () => {
  const { plane, network, time } = setup();
  network.auto = ({ answer }) => answer(new RespError('LOADING recovering'), null);
  const recovering = expect(plane.get('k')).rejects.toMatchObject({ code: 'ERR_RECOVERING' });
  await time.advance(3000);
  await recovering;
  const read = plane.get('k');
  network.auto = ({ answer }) => answer(null, [HEADER, 'v']);
  await time.advance(100);
  expect(await read).toMatchObject({ value: 'v' });
});

test.each([
  ['PRECONDITION -', 'ERR_PRECONDITION_FAILED'],
  ['NOTANUMBER', 'ERR_NOT_A_NUMBER'],
  ['OOM', 'ERR_VALUE_TOO_LARGE'],
  ['WHATEVER', 'ERR_UNAVAILABLE'],
])('%s is answered at once as %s', async (reply, code) => {
  const { plane, network } = setup();
  const write = plane.set('k', 'v', 's', 0, ALWAYS);
  network.last.answer(new RespError(reply), null);
  await expect(write).rejects.toMatchObject({ code });
  expect(network.sent).toHaveLength(1);
});

test('a connection that is full is overload, not a reason to try again', async () => {
  const { plane, network } = setup();
  const read = plane.get('k');
  network.last.answer(new RespClientError('ERR_RESP_OVERLOADED', '8192 requests in flight', false), null);
  await expect(read).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
  expect(network.sent).toHaveLength(1);
});

describe('MOVED', () => {
  test('goes at once to the member it names, and reads the view again', async () => {
    const { plane, network, views, owner, other } = setup();
    const read = plane.get('k');
    network.last.answer(new RespError(`MOVED 1 h:${other.slice(1)}`), null);
    expect(network.last).toMatchObject({ to: other });
    expect(network.sent[0]).toMatchObject({ to: owner });
    expect(views.refreshes).toBe(1);
    network.last.answer(null, [HEADER, 'v']);
    expect(await read).toMatchObject({ value: 'v' });
  });

  test('waits for the view when it names somebody new, and then sends with its epoch', async () => {
    const { plane, network, views } = setup({}, [member('n1')]);
    const read = plane.get('k');
    views.next = { epoch: 2, members: [member('n3')] };
    network.last.answer(new RespError('MOVED 1 h:3'), null);
    await settle();
    expect(network.last).toMatchObject({ to: 'n3', args: ['DCS.GET', '2', 'k'] });
    network.last.answer(null, [HEADER, 'v']);
    expect(await read).toMatchObject({ value: 'v' });
    expect(network.closed).toEqual(['n1']);
  });

  test('never connects to what is no member, and does not wait for a registry that hangs', async () => {
    const { plane, network, views, time } = setup({}, [member('n1')]);
    views.hangs = true;
    network.auto = ({ answer }) => answer(new RespError('MOVED 1 evil:6379'), null);
    const outcome = expect(plane.get('k')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
    await time.advance(3000);
    await outcome;
    expect(network.opened).toEqual(['n1']);
  });

  test('in circles ends', async () => {
    const { plane, network, time } = setup();
    network.auto = ({ to, answer }) => answer(new RespError(`MOVED 1 h:${to === 'n1' ? 2 : 1}`), null);
    const outcome = expect(plane.get('k')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
    await time.advance(3000);
    await outcome;
    expect(network.sent.length).toBeLessThan(30);
  });

  test('of many operations costs one refresh', () => {
    const { plane, network, views, other } = setup();
    for (let i = 0; i < 10; i++) void plane.head(`{k}${i}`).catch(() => undefined);
    for (const { answer } of [...network.sent]) answer(new RespError(`MOVED 1 h:${other.slice(1)}`), null);
    expect(views.refreshes).toBe(1);
  });
});

test('retries stop when the budget is used up', async () => {
  const { plane, network, time, observer } = setup({ retryBudgetPercent: 10 });
  network.auto = ({ answer }) => answer(lost(), null);
  const reads = Array.from({ length: 200 }, (_, i) =>
    plane.head(`key${i}`).catch((error: { code: string }) => error.code),
  );
  await time.advance(100);
  // 10 in reserve and a tenth of 200; some more as time refills the reserve.
  expect(observer.retries.length).toBeGreaterThanOrEqual(20);
  expect(observer.retries.length).toBeLessThanOrEqual(35);
  expect(observer.exhausted).toBeGreaterThan(150);
  await time.advance(3000);
  expect(new Set(await Promise.all(reads))).toEqual(new Set(['ERR_UNAVAILABLE']));
});

test('without a member up an operation waits for one, then ends unavailable', async () => {
  const { plane, views, network, time } = setup({}, [member('n1', { state: 'joining' })]);
  expect(plane.unreadyReason()).toBe('no cache node is up');
  const lucky = plane.get('k');
  await time.advance(100);
  network.auto = ({ answer }) => answer(null, null);
  views.change([member('n1')]);
  await time.advance(400);
  expect(await lucky).toBeUndefined();
  views.change([]);
  const outcome = expect(plane.get('k')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  await time.advance(3000);
  await outcome;
});

test('views open and close connections; a new incarnation gets a new one', async () => {
  const { plane, views, network } = setup();
  expect(network.opened.sort()).toEqual(['n1', 'n2']);
  views.change([member('n1', { state: 'leaving' }), member('n2', { incarnation: 2 })]);
  expect(network.opened).toEqual(['n1', 'n2', 'n2']);
  expect(network.closed).toEqual(['n2']);
  expect(plane.locate('k').owners).toEqual(['n2']);
  await plane.close();
  await plane.close();
  expect(network.closed.sort()).toEqual(['n1', 'n2', 'n2']);
  views.change([member('n9')]);
  expect(network.opened).toHaveLength(3);
});

test('the clock follows the versions it sees, but not one that runs far ahead', async () => {
  const { plane, network, time } = setup();
  const stamp = async (version: string) => {
    const read = plane.head('k');
    network.last.answer(null, `${version} 0 s`);
    await read;
    void plane.set('k', 'v', 's', 0, ALWAYS).catch(() => undefined);
    return network.last.args[2]!;
  };
  const at = (ms: number) => `${ms.toString(16).padStart(12, '0')}0000000000ff`;
  const near = at(time.wall() + 400);
  expect((await stamp(near)) > near).toBe(true);
  const far = at(time.wall() + 5000);
  expect((await stamp(far)) < far).toBe(true);
});

test('describes its nodes, those that do not answer too', async () => {
  const { plane, network } = setup();
  const described = plane.describe();
  const stats = { id: 'n1', epoch: 1, entries: 3, bytes: 9, maxEntries: 10, maxBytes: 100, hits: 3, misses: 1, tombstones: 0, handoff: { slotsToGo: 0, bytesReceived: 0 } }; // prettier-ignore
  network.sent[0]!.answer(null, JSON.stringify(stats));
  network.sent[1]!.answer(timedOut(), null);
  const { epoch, replicas, nodes } = await described;
  expect({ epoch, replicas }).toEqual({ epoch: 1, replicas: 1 });
  expect(nodes[0]).toMatchObject({ id: 'n1', address: 'h:1', reachable: true, stats: { entries: 3, hitRatio: 0.75 } });
  expect(nodes[1]).toMatchObject({ id: 'n2', reachable: false });
  expect(nodes[1]).not.toHaveProperty('stats');
  expect(nodes[0]!.slots.primary + nodes[1]!.slots.primary).toBe(16_384);
});

test('marks a node that another one says is cut off from the registry, and one that is fenced', async () => {
  const { plane, network } = setup();
  const described = plane.describe();
  const stats = { epoch: 1, entries: 3, bytes: 9, maxEntries: 10, maxBytes: 100, hits: 3, misses: 1, tombstones: 0, handoff: { slotsToGo: 0, bytesReceived: 0 } }; // prettier-ignore
  network.sent[0]!.answer(null, JSON.stringify({ ...stats, id: 'n1', suspects: ['n2'] }));
  network.sent[1]!.answer(null, JSON.stringify({ ...stats, id: 'n2', fenced: true }));
  const { nodes } = await described;
  expect(nodes[0]).not.toHaveProperty('cutOff');
  expect(nodes[1]).toMatchObject({ cutOff: true, stats: { fenced: true } });
});

test('the nodes say how many owners a slot has, not the gateway', async () => {
  const settings = (replicas: number) => ({ settings: { replicas, placement: 1, protocol: { min: 1, max: 1 } } });
  const two = [member('n1', settings(2)), member('n2', settings(2)), member('n3', settings(2))];
  const { plane, views } = setup({}, two);
  expect(plane.locate('k').owners).toHaveLength(2);
  views.change([...two.slice(0, 2), member('n3', settings(3))]);
  expect(plane.locate('k').owners).toHaveLength(3);
  views.change([...two.slice(0, 2), member('n3', { ...settings(3), state: 'leaving' })]);
  expect(plane.locate('k').owners).toHaveLength(2);
});
