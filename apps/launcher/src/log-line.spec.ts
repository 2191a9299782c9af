import { readLogLine, renderLogRecord } from './log-line.js';
import { coloured, plain } from './paint.js';

const TIME = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
const render = (line: unknown, paint = plain): string[] =>
  renderLogRecord(readLogLine(typeof line === 'string' ? line : JSON.stringify(line)), paint);

describe('renderLogRecord', () => {
  it('shows time, level, message and fields', () => {
    const line = {
      level: 30,
      time: TIME,
      pid: 1,
      hostname: 'h',
      msg: 'view changed',
      epoch: 3,
      ids: ['a', 'b'],
      note: 'x y',
    };
    expect(render(line)).toEqual(['03:04:05.006 info  view changed epoch=3 ids=["a","b"] note="x y"']);
  });

  it('quotes what would be read as something else', () => {
    const line = { level: 40, time: TIME, msg: 'odd', empty: '', equals: 'a=b', none: null, yes: true };
    expect(render(line)).toEqual(['03:04:05.006 warn  odd empty="" equals="a=b" none=null yes=true']);
  });

  it('puts the stack of an error on lines of its own', () => {
    const err = { type: 'Error', message: 'no room', stack: 'Error: no room\n    at a (b.js:1:2)\n    at c' };
    expect(render({ level: 50, time: TIME, msg: 'failed', err })).toEqual([
      '03:04:05.006 error failed err="no room"',
      '    at a (b.js:1:2)',
      '    at c',
    ]);
  });

  it.each(['', 'plain words', '{"not":"a record"}', '{broken', '[1]'])('leaves %j as it is', (line) => {
    expect(render(line)).toEqual([line]);
    expect(readLogLine(line).level).toBeUndefined();
  });

  it('does not let a line drive the terminal', () => {
    expect(render('a\u001b[2Jb\u009bc\td')).toEqual(['a\\x1b[2Jb\\x9bc\td']);
    expect(render({ level: 30, time: TIME, msg: 'm\u001b]0;x\u0007', key: '\u001b[A' })).toEqual([
      '03:04:05.006 info  m\\x1b]0;x\\x07 key=\\x1b[A',
    ]);
  });

  it('lives with a record that lacks a time or a message, and with an unknown level', () => {
    expect(render({ level: 35, a: 1 })).toEqual(['--:--:--.--- 35    a=1']);
    expect(render({ level: 30, time: '2026-01-02T03:04:05.006' })).toEqual(['03:04:05.006 info ']);
  });

  it('uses colours when told to', () => {
    expect(render({ level: 50, time: TIME, msg: 'x' }, coloured)[0]).toContain('\u001b[31merror\u001b[0m');
  });
});
