import { EventEmitter } from 'node:events';
import { Interrupts } from './interrupts.js';

describe('Interrupts', () => {
  it('tells the second request from the echo of the first', async () => {
    const source = new EventEmitter();
    const second: string[] = [];
    let now = 1_000;
    const interrupts = new Interrupts(
      source,
      (signal) => second.push(signal),
      () => now,
    );
    source.emit('SIGINT', 'SIGINT');
    expect(await interrupts.first).toBe('SIGINT');
    now += 299;
    source.emit('SIGINT', 'SIGINT');
    expect(second).toEqual([]);
    now += 1;
    source.emit('SIGTERM', 'SIGTERM');
    expect(second).toEqual(['SIGTERM']);
    interrupts.close();
    expect(source.eventNames()).toEqual([]);
  });
});
