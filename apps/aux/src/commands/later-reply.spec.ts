import { LaterReply } from './later-reply.js';

test('tells its listeners when it is settled, and one that comes afterwards at once', () => {
  const reply = new LaterReply();
  const heard: string[] = [];
  reply.then((text) => heard.push(`a ${text}`));
  reply.then((text) => heard.push(`b ${text}`));
  reply.then((text) => heard.push(`c ${text}`));
  expect(heard).toEqual([]);
  expect(reply.text).toBeUndefined();
  reply.settle('+OK\r\n');
  reply.then((text) => heard.push(`d ${text}`));
  expect(heard).toEqual(['a +OK\r\n', 'b +OK\r\n', 'c +OK\r\n', 'd +OK\r\n']);
  expect(reply.text).toBe('+OK\r\n');
});

test('can be awaited', async () => {
  const reply = new LaterReply();
  setImmediate(() => reply.settle(':1\r\n'));
  expect(await reply).toBe(':1\r\n');
});

test('is settled once: what comes later is dropped', () => {
  const reply = new LaterReply();
  const heard: string[] = [];
  reply.then((text) => heard.push(text));
  reply.settle('first');
  reply.settle('second');
  expect([heard, reply.text]).toEqual([['first'], 'first']);
});
