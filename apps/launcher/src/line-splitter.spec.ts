import { LineSplitter, MAX_LINE_CHARACTERS } from './line-splitter.js';

function split(chunks: Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

const TEXT = Buffer.from('один\r\ntwo\n\nthree €\nlast');
const LINES = ['один', 'two', '', 'three €', 'last'];

describe('LineSplitter', () => {
  it('gives the same lines for one chunk and for single bytes', () => {
    expect(split([TEXT])).toEqual(LINES);
    expect(split(Array.from(TEXT, (byte) => Buffer.from([byte])))).toEqual(LINES);
  });

  it('cuts a line that does not end', () => {
    const lines = split(Array.from({ length: 5 }, () => Buffer.alloc(MAX_LINE_CHARACTERS / 2, 'x')));
    expect(lines.map(({ length }) => length)).toEqual([
      MAX_LINE_CHARACTERS,
      MAX_LINE_CHARACTERS,
      MAX_LINE_CHARACTERS / 2,
    ]);
  });
});
