/**
 * @param {string} lines one JSON object a line, as the tests write them
 * @returns {{ fault: string, measured: string }[]}
 */
export function rowsOf(lines) {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/**
 * The rows as a table in Markdown.
 *
 * @param {readonly { fault: string, measured: string }[]} rows
 */
export function table(rows) {
  const all = [{ fault: 'fault', measured: 'measured' }, ...rows];
  const widths = [
    Math.max(...all.map(({ fault }) => fault.length)),
    Math.max(...all.map(({ measured }) => measured.length)),
  ];
  const line = ({ fault, measured }, fill = ' ') =>
    `| ${fault.padEnd(widths[0], fill)} | ${measured.padEnd(widths[1], fill)} |`;
  return [line(all[0]), line({ fault: '', measured: '' }, '-'), ...rows.map((row) => line(row))].join('\n');
}
