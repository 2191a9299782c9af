import { ALWAYS, ATTEMPT_MS, BLOCKED_ERROR, IF_ABSENT } from '@dcs/protocol';
import { RespClientError, RespError } from '@dcs/resp';
import { FakeNetwork, FakeObserver, FakeTime, FakeViews, member, type Sent, settle } from '../../test/fake-routing.js';
import { AuxDataPlane, type AuxDataPlaneOptions } from './aux-data-plane.js';

const VERSION = '0000000000010000000000ff';
const VALUE = [`${VERSION} 0 s`, 'v'];
const lost = () => new RespClientError('ERR_RESP_CONNECTION_LOST', 'connection lost', true);
const refused = () => new RespClientError('ERR_RESP_NOT_CONNECTED', 'not connected', false);
const timedOut = () => new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true);

function setup(changes: Partial<AuxDataPlaneOptions> = {}) {
  const time = new FakeTime();
  const network = new FakeNetwork();
  const observer = new FakeObserver();
  const views = new FakeViews([member('n1'), member('n2'), member('n3')]);
  const plane = new AuxDataPlane({
    membership: views,
    connect: network.connect,
    time,
    random: () => 0.5,
    observer,
    replicas: 2,
    requestTimeoutMs: 1000,
    operationTimeoutMs: 3000,
    retryBudgetPercent: 10,
    ...changes,
  });
  const [primary, replica] = plane.locate('k').owners as [string, string];
  const commandsTo = (id: string): string[] => network.sent.filter(({ to }) => to === id).map(({ args }) => args[0]!);
  return { time, network, views, observer, plane, primary, replica, commandsTo };
}

const NONSENSE: readonly unknown[] = [
  undefined,
  true,
  7,
  Infinity,
  '',
  'OK',
  'QUEUED',
  {},
  [],
  [null, null],
  [[VALUE]],
  ['x'.repeat(24), 'v'],
  [`${VERSION} 1e400 s`, 'v'],
  [`${VERSION} ${'9'.repeat(400)} s`, 'v'],
  [`${VERSION} 0 rtext/plain\r\nset-cookie: a`, 'v'],
  [`${VERSION} 0 zz`, 'v'],
  [VALUE[0], null],
  `7 ${VERSION}`,
  `1e999 ${VERSION}`,
];

test.each<[string, (plane: AuxDataPlane) => Promise<unknown>, unknown, unknown]>([
  ['get', (plane) => plane.get('k'), VALUE, { value: 'v' }],
  ['head', (plane) => plane.head('k'), VALUE[0], { kind: 's' }],
  ['set', (plane) => plane.set('k', 'v', 's', 0, ALWAYS), `1 ${VERSION}`, { created: true }],
  ['delete', (plane) => plane.delete('k', ALWAYS), 1, true],
  ['increment', (plane) => plane.increment('k', { by: 1, initial: 0, expiresAt: 0, token: '' }), `-5 ${VERSION}`, { value: -5 }], // prettier-ignore
  ['touch', (plane) => plane.touch('k', 1), VERSION, VERSION],
])(
  'a nonsense answer to %s is no answer: its link ends, and the next owner is asked',
  async (_, call, good, result) => {
    let unreadable = 0;
    for (const nonsense of NONSENSE) {
      const { plane, network, observer, primary, replica } = setup();
      const answer = call(plane);
      network.last.answer(null, nonsense);
      await settle();
      if (observer.errors.length === 0) continue; // it happens to be an answer to this call
      unreadable++;
      expect([network.last.to, network.reset, plane.suspicion.size]).toEqual([replica, [primary], 1]);
      network.last.answer(null, good);
      const expected: unknown = typeof result === 'object' ? expect.objectContaining(result) : result;
      expect(await answer).toEqual(expected);
      await plane.close();
    }
    expect(unreadable).toBeGreaterThan(NONSENSE.length - 5);
  },
);

test('where every answer is nonsense, the cluster is unavailable', async () => {
  const { plane, network, time } = setup();
  network.auto = ({ args, answer }) => answer(null, args[0] === 'PING' ? 'PONG' : 'nonsense');
  const read = plane.get('k');
  const failed = expect(read).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  await time.advance(4000);
  await failed;
  await expect(plane.drain('n1')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  expect((await plane.backup()).failed.map(({ reason }) => reason)).toEqual(Array(3).fill('unreachable'));
  network.auto = ({ answer }) => answer(null, '{"id":"n1","epoch":"x"}');
  expect((await plane.describe()).nodes.map(({ reachable }) => reachable)).toEqual([false, false, false]);
});

test('a write whose connection is lost goes to the next owner at once, with the same stamp', async () => {
  const { plane, network, primary, replica } = setup();
  const write = plane.set('k', 'v', 's', 0, ALWAYS);
  expect(network.last.to).toBe(primary);
  network.last.answer(lost(), null);
  expect(network.last.to).toBe(replica);
  const [first, second] = network.sent.map(({ args }) => args);
  expect(second![2]).toBe(first![2]);
  expect(second![3]).toBe('2');
  network.last.answer(null, `1 ${VERSION}`);
  expect(await write).toEqual({ created: true, version: VERSION });
});

test.each(['CLUSTERDOWN the write could not be copied', 'LOADING the slot is being imported'])(
  'an owner that answers %j is passed over for the next one, and not suspected',
  async (message) => {
    const { plane, network, replica, primary } = setup();
    const read = plane.get('k');
    network.last.answer(new RespError(message), null);
    expect(network.last.to).toBe(replica);
    network.last.answer(null, VALUE);
    expect(await read).toMatchObject({ value: 'v' });
    void plane.get('k');
    expect(network.last.to).toBe(primary);
  },
);

test('a suspect gets nothing but probes until it answers one', async () => {
  const { plane, network, time, primary, replica, commandsTo } = setup();
  let down = true;
  network.auto = ({ to, args, answer }: Sent) => {
    if (to === primary && down) answer(refused(), null);
    else answer(null, args[0] === 'PING' ? 'PONG' : VALUE);
  };
  for (let i = 0; i < 10; i++) await plane.get('k');
  expect(plane.suspicion.size).toBe(1);
  expect(commandsTo(primary)).toEqual(['DCS.GET']);
  expect(commandsTo(replica)).toHaveLength(10);
  await time.advance(5000);
  expect(commandsTo(primary).length).toBeLessThan(12); // pauses grow to a second
  expect(
    commandsTo(primary)
      .slice(1)
      .every((name) => name === 'PING'),
  ).toBe(true);
  down = false;
  await time.advance(2000);
  expect(plane.suspicion.size).toBe(0);
  await plane.get('k');
  expect(commandsTo(primary).at(-1)).toBe('DCS.GET');
});

test('one timeout is no proof, two in a row are', async () => {
  const { plane, network, time, primary } = setup({ hedgeDelayMs: 0 });
  for (const expected of [0, 1]) {
    const read = plane.get('k');
    expect(network.last.to).toBe(primary);
    expect(plane.suspicion.size).toBe(0);
    await time.advance(1000);
    network.last.answer(timedOut(), null);
    expect(plane.suspicion.size).toBe(expected);
    network.last.answer(null, VALUE);
    await read;
  }
});

test('a gateway whose own event loop was late accuses nobody', async () => {
  const { plane, network, time } = setup({ hedgeDelayMs: 0 });
  for (let i = 0; i < 3; i++) {
    const read = plane.get('k');
    await time.advance(1500);
    network.last.answer(timedOut(), null);
    network.last.answer(null, VALUE);
    await read;
  }
  expect(plane.suspicion.size).toBe(0);
});

test('a slow read is sent to a second owner, and the first answer counts', async () => {
  const { plane, network, time, observer, primary, replica } = setup();
  const read = plane.get('k');
  await time.advance(49);
  expect(network.sent).toHaveLength(1);
  await time.advance(2);
  expect(network.sent.map(({ to }) => to)).toEqual([primary, replica]);
  expect(observer.hedges).toBe(1);
  network.sent[1]!.answer(null, VALUE);
  expect(await read).toMatchObject({ value: 'v' });
  network.sent[0]!.answer(null, null); // too late to matter
});

test('a hedge that fails leaves the first attempt its time', async () => {
  const { plane, network, time } = setup();
  const read = plane.get('k');
  await time.advance(60);
  network.sent[1]!.answer(lost(), null);
  network.sent[0]!.answer(null, VALUE);
  expect(await read).toMatchObject({ value: 'v' });
});

test('writes are never hedged', async () => {
  const { plane, network, time } = setup();
  void plane.set('k', 'v', 's', 0, ALWAYS);
  await time.advance(500);
  expect(network.sent).toHaveLength(1);
});

test('hedges stop when the budget is used up', async () => {
  const { plane, network, time, observer } = setup();
  const reads = Array.from({ length: 300 }, (_, i) => plane.get(`key${i}`));
  await time.advance(100);
  expect(observer.hedges).toBeGreaterThanOrEqual(30);
  expect(observer.hedges).toBeLessThan(60);
  for (const { answer } of network.sent) answer(null, VALUE);
  await Promise.all(reads);
});

test('a lost connection costs every request that was on it one further attempt, whatever the budget', async () => {
  const { plane, network, observer } = setup({ retryBudgetPercent: 0 });
  const writes = Array.from({ length: 200 }, () => plane.set('k', 'v', 's', 0, ALWAYS));
  for (const { answer } of [...network.sent]) answer(lost(), null);
  expect(network.sent).toHaveLength(400);
  for (const { answer } of network.sent.slice(200)) answer(null, `1 ${VERSION}`);
  await Promise.all(writes);
  expect(observer.exhausted).toBe(0);
});

test('with reads from any owner, all owners are asked, and suspects are not', async () => {
  let next = 0;
  const { plane, network, primary, replica, commandsTo } = setup({ readFrom: 'any', random: () => (next++ % 2) / 2 });
  network.auto = ({ answer }) => answer(null, VALUE);
  for (let i = 0; i < 10; i++) await plane.get('k');
  expect(commandsTo(primary)).toHaveLength(5);
  expect(commandsTo(replica)).toHaveLength(5);
  network.auto = ({ to, answer }) => (to === replica ? answer(refused(), null) : answer(null, VALUE));
  for (let i = 0; i < 10; i++) await plane.get('k');
  expect(commandsTo(primary)).toHaveLength(15);
});

test('when every owner fails, all are tried again until the deadline', async () => {
  const { plane, network, time, primary, replica, commandsTo } = setup();
  network.auto = ({ answer }) => answer(refused(), null);
  const read = plane.get('k').catch((error: { code: string }) => error.code);
  await time.advance(3000);
  expect(await read).toBe('ERR_UNAVAILABLE');
  for (const id of [primary, replica]) {
    expect(commandsTo(id).filter((name) => name === 'DCS.GET').length).toBeGreaterThan(1);
  }
});

test('a blocked slot is answered at once: nobody else is asked, and nothing is tried again', async () => {
  const { plane, network, time, primary } = setup();
  network.auto = ({ answer }) => answer(new RespError(BLOCKED_ERROR), null);
  await expect(plane.get('k')).rejects.toMatchObject({ code: 'ERR_RECOVERING' });
  await expect(plane.set('k', 'v', 's', 0, ALWAYS)).rejects.toMatchObject({ code: 'ERR_RECOVERING' });
  expect(network.sent.map(({ to }) => to)).toEqual([primary, primary]);
  expect(time.timers).toBe(0);
});

test('that a slot is blocked at another owner is no answer while the primary can be asked', async () => {
  const { plane, network, primary, replica } = setup({ readFrom: 'any', random: () => 0.99 });
  const read = plane.get('k');
  expect(network.last.to).toBe(replica);
  network.last.answer(new RespError(BLOCKED_ERROR), null);
  expect(network.last.to).toBe(primary);
  network.last.answer(null, VALUE);
  expect(await read).toMatchObject({ value: 'v' });
});

test('a hedged read whose second owner says that the slot is blocked waits for the first', async () => {
  const { plane, network, time, replica } = setup();
  const read = plane.get('k');
  await time.advance(60);
  const [first, second] = network.sent;
  expect(second!.to).toBe(replica);
  second!.answer(new RespError(BLOCKED_ERROR), null);
  first!.answer(null, VALUE);
  expect(await read).toMatchObject({ value: 'v' });
});

test('a write that came late to the only node it was sent to begins anew', async () => {
  const { plane, network, time } = setup();
  const write = plane.increment('k', { by: 1, initial: 0, expiresAt: 0, token: '' });
  network.last.answer(new RespError('STALE the attempt comes late'), null);
  await time.advance(100);
  const [first, second] = network.sent.map(({ args }) => args);
  expect(second![2]! > first![2]!).toBe(true);
  network.last.answer(null, `1 ${VERSION}`);
  expect(await write).toEqual({ value: 1, version: VERSION });
});

test.each(['ahead for a moment', 'ahead until the registry is asked'])(
  'a stamp that is %s is drawn anew, and no later write fails',
  async (until) => {
    const { plane, network, views, time } = setup();
    const msOf = (stamp: string | undefined): number => Number.parseInt(stamp!.slice(0, 12), 16);
    network.auto = ({ args, answer }) => {
      const isAhead = msOf(args[2]) > time.now() + 500;
      if (isAhead) answer(new RespError('STALE stamp is more than 500 ms ahead'), null);
      else answer(null, `1 ${VERSION}`);
    };
    time.aheadMs = 60_000;
    const first = plane.set('k', 'v', 's', 0, ALWAYS);
    expect(msOf(network.last.args[2])).toBe(time.now() + 60_000);
    if (until === 'ahead for a moment') time.aheadMs = 0;
    else views.onRefresh = () => (time.aheadMs = 0);
    await time.advance(100);
    await first;
    expect(views.refreshes).toBeGreaterThan(0);
    const { length } = network.sent;
    for (let i = 0; i < 10; i++) await plane.set('k', 'v', 's', 0, ALWAYS);
    expect(network.sent).toHaveLength(length + 10);
    expect(new Set(network.sent.map(({ args }) => args[2])).size).toBe(network.sent.length);
  },
);

test('a write that came late after other attempts keeps its stamp: one of them may have been done', async () => {
  const { plane, network, time } = setup();
  const write = plane.increment('k', { by: 1, initial: 0, expiresAt: 0, token: '' });
  network.last.answer(lost(), null);
  network.last.answer(new RespError('STALE the attempt comes late'), null);
  await time.advance(100);
  const increments = network.sent.filter(({ args }) => args[0] === 'DCS.INCR');
  expect(increments).toHaveLength(3);
  expect(new Set(increments.map(({ args }) => args[2])).size).toBe(1);
  increments.at(-1)!.answer(null, `1 ${VERSION}`);
  await write;
});

test('an attempt that is made late says so, that it is not taken for one that was held up', async () => {
  const { plane, network, time } = setup({ operationTimeoutMs: 5000 });
  const increments = (): (readonly string[])[] =>
    network.sent.map(({ args }) => args).filter(([name]) => name === 'DCS.INCR');
  const write = plane.increment('k', { by: 1, initial: 0, expiresAt: 0, token: '' });
  network.last.answer(timedOut(), null);
  network.auto = ({ answer }) => answer(new RespError('TRYAGAIN the primary is silent'), null);
  network.last.answer(new RespError('TRYAGAIN the primary is silent'), null);
  await time.advance(3500);
  network.auto = ({ answer }) => answer(null, `1 ${VERSION}`);
  await time.advance(500);
  await write;
  const [first, last] = [increments()[0]!, increments().at(-1)!];
  expect(last[2]).toBe(first[2]);
  expect(Number(last[3])).toBeGreaterThanOrEqual(1 + Math.ceil(3500 / ATTEMPT_MS));
});

test('a write that a replica has passed on to a silent primary does not begin anew', async () => {
  const { plane, network, time } = setup();
  const write = plane.increment('k', { by: 1, initial: 0, expiresAt: 0, token: '' });
  network.last.answer(new RespError('TRYAGAIN the primary is silent'), null);
  network.last.answer(new RespError('STALE the attempt comes late'), null);
  await time.advance(100);
  expect(new Set(network.sent.map(({ args }) => args[2])).size).toBe(1);
  network.last.answer(null, `1 ${VERSION}`);
  await write;
});

test('"not now" costs no budget: the operation waits for the view to change', async () => {
  const { plane, network, time, observer } = setup({ retryBudgetPercent: 0 });
  network.auto = ({ answer }) => answer(new RespError('CLUSTERDOWN the primary is silent'), null);
  const writes = Array.from({ length: 50 }, () => plane.increment('k', { by: 1, initial: 0, expiresAt: 0, token: '' }));
  await time.advance(2000);
  network.auto = ({ answer }) => answer(null, `1 ${VERSION}`);
  await time.advance(500);
  expect(await Promise.all(writes)).toHaveLength(50);
  expect(observer.exhausted).toBe(0);
});

test('an attempt that was not carried out is not counted to the next owner', async () => {
  const { plane, network, time } = setup();
  const attempts = (): (string | undefined)[] =>
    network.sent.filter(({ args }) => args[0] === 'DCS.SET').map(({ args }) => args[3]);
  void plane.set('k', 'v', 's', 0, ALWAYS);
  network.last.answer(refused(), null);
  network.last.answer(timedOut(), null);
  await time.advance(500);
  expect(attempts()).toEqual(['1', '1', '2']);
});

test('a condition that fails after an answer was lost may have been met by the lost attempt', async () => {
  const { plane, network } = setup();
  const write = plane.set('k', 'v', 's', 0, IF_ABSENT).catch((error: { code: string }) => error.code);
  network.last.answer(lost(), null);
  network.last.answer(new RespError(`PRECONDITION ${VERSION}`), null);
  expect(await write).toBe('ERR_UNAVAILABLE');
});

test('that a key is absent counts from a second owner only when the first fails', async () => {
  const { plane, network, time } = setup();
  const read = plane.get('k');
  await time.advance(60);
  network.sent[1]!.answer(null, null);
  network.sent[0]!.answer(null, VALUE);
  expect(await read).toMatchObject({ value: 'v' });

  const other = plane.get('k');
  await time.advance(60);
  network.sent[3]!.answer(null, null);
  network.sent[2]!.answer(timedOut(), null);
  expect(await other).toBeUndefined();
});
