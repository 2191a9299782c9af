import fc from 'fast-check';
import { ReplyQueue } from './reply-queue.js';

test('replies come out in the order of the requests, whenever they are there', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ later: fc.boolean(), take: fc.boolean() }), { maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (requests, random) => {
        const queue = new ReplyQueue();
        const open: { release: (text: string) => void; text: string }[] = [];
        let out = '';
        let expected = '';
        requests.forEach(({ later, take }, i) => {
          const text = `<${i}>`;
          expected += text;
          if (later) open.push({ release: queue.hold(), text });
          else queue.append(text);
          if (take) out += queue.take();
          expect(expected.startsWith(out)).toBe(true);
          expect(queue.pending).toBe(open.length);
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
        expect(queue.heldBytes).toBe(0);
        expect(queue.pending).toBe(0);
        expect(queue.readyBytes).toBe(0);
      },
    ),
  );
});

test('a reply given twice counts once', () => {
  const queue = new ReplyQueue();
  const release = queue.hold();
  release('a');
  release('b');
  expect(queue.take()).toBe('a');
  expect(queue.pending).toBe(0);
});

test('what waits is counted', () => {
  const queue = new ReplyQueue();
  const first = queue.hold();
  queue.append('12345');
  const second = queue.hold();
  second('678');
  expect(queue.heldBytes).toBe(8);
  expect(queue.take()).toBe('');
  first('0');
  expect(queue.heldBytes).toBe(0);
  expect(queue.take()).toBe('012345678');
});
