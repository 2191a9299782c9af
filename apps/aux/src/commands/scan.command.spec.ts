import { RequestDecoder } from '@dcs/resp';
import { newStore, put } from '../../test/disk-folder.js';
import { scan } from './scan.command.js';
import type { Session } from './session.js';

/** What a step answers, on a node whose clock goes on by `msPerLook` with every look at it. */
function step(args: readonly string[], msPerLook: number): string[] {
  const store = newStore();
  for (let i = 0; i < 500; i++) put(store, `key${i}`, 'v', i);
  let now = 0;
  const request = new RequestDecoder();
  request.push(Buffer.from(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`));
  request.next();
  const session = { request, node: { store, monotonic: () => (now += msPerLook) } };
  return scan.run(session as unknown as Session).split('\r\n');
}

test('a step that takes its time ends early, with the cursor that goes on', () => {
  const [, , cursor, keys] = step(['SCAN', '0', 'COUNT', '400'], 4);
  expect([cursor, keys]).toEqual(['49', '*48']);
  const [, , all, found] = step(['SCAN', '0', 'COUNT', '400'], 0);
  expect([all, found]).toEqual(['401', '*400']);
});

test('a pattern that is too long is refused', () => {
  expect(step(['SCAN', '0', 'MATCH', `*[${'b'.repeat(2000)}]x`], 0)[0]).toBe('-ERR a pattern has at most 1024 bytes');
});
