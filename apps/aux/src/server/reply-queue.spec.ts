import fc from 'fast-check';
import { ReplyQueue } from './reply-queue.js';

test('replies come out in the order of the requests, whenever they are there', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ reply: fc.constantFrom('at once', 'later', 'same'), take: fc.boolean() }), {
        maxLength: 40,
      }),
      fc.infiniteStream(fc.nat()),
      (requests, random) => {
        const queue = new ReplyQueue();
        const replies: object[] = [];
        const open: { release: (text: string) => void; text: string }[] = [];
        let out = '';
        let expected = '';
        let pending = 0;
        requests.forEach(({ reply, take }, i) => {
          const text = reply === 'same' && open.length > 0 ? open.at(-1)!.text : `<${i}>`;
          expected += text;
          if (reply === 'at once') {
            queue.append(text);
          } else {
            pending++;
            if (reply === 'later' || open.length === 0) replies.push({});
            const release = queue.hold(replies.at(-1)!);
            if (release !== undefined) open.push({ release, text });
          }
          if (take) out += queue.take();
          expect(expected.startsWith(out)).toBe(true);
          expect(queue.pending).toBe(pending);
        });
        while (open.length > 0) {
          const [{ release, text }] = open.splice((random.next().value as number) % open.length, 1) as [
            (typeof open)[number],
          ];
          release(text);
          out += queue.take();
          expect(expected.startsWith(out)).toBe(true);
        }
        expect(out + queue.take()).toBe(expected);
        expect(queue.waitingBytes).toBe(0);
        expect(queue.pending).toBe(0);
        expect(queue.readyBytes).toBe(0);
      },
    ),
  );
});

test('a reply given twice counts once', () => {
  const queue = new ReplyQueue();
  const release = queue.hold({})!;
  release('a');
  release('b');
  expect(queue.take()).toBe('a');
  expect(queue.pending).toBe(0);
});

test('a reply to several requests in a row is held, and given, once', () => {
  const queue = new ReplyQueue();
  const reply = {};
  const release = queue.hold(reply)!;
  expect(queue.hold(reply)).toBeUndefined();
  expect(queue.pending).toBe(2);
  queue.append('b');
  const again = queue.hold(reply)!; // another one is between
  release('a');
  expect(queue.pending).toBe(1);
  expect(queue.take()).toBe('aab');
  again('a');
  expect(queue.take()).toBe('a');
});

test('what waits is counted', () => {
  const queue = new ReplyQueue();
  const first = queue.hold({})!;
  queue.append('12345');
  const second = queue.hold({})!;
  second('678');
  expect(queue.waitingBytes).toBe(8);
  expect(queue.take()).toBe('');
  first('0');
  expect(queue.waitingBytes).toBe(0);
  expect(queue.take()).toBe('012345678');
});
