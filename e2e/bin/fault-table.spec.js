import { rowsOf, table } from './fault-table.js';

test('what the tests have measured becomes a table', () => {
  const rows = rowsOf('{"fault":"kill -9","measured":"0 lost"}\n{"fault":"b","measured":"1"}\n');
  expect(table(rows)).toBe(
    ['| fault   | measured |', '| ------- | -------- |', '| kill -9 | 0 lost   |', '| b       | 1        |'].join('\n'),
  );
});
