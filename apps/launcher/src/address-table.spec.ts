import { addressTable, authority, tryItLines } from './address-table.js';

const masters = [
  { name: 'master-1', pid: 10, url: 'http://127.0.0.1:8080' },
  { name: 'master-2', pid: 11, url: 'http://127.0.0.1:8081' },
];
const aux = [{ name: 'aux-1', pid: 9, host: '::1', dataPort: 7101, httpPort: 7201 }];

describe('addressTable', () => {
  it('lines up what is where', () => {
    expect(addressTable(masters, aux)).toEqual([
      'process   pid  HTTP                   RESP',
      'master-1  10   http://127.0.0.1:8080',
      'master-2  11   http://127.0.0.1:8081',
      'aux-1     9    http://[::1]:7201      [::1]:7101',
    ]);
  });
});

describe('tryItLines', () => {
  it('writes at one master and reads at another', () => {
    const [write, read] = tryItLines(masters, false);
    expect(write).toMatch(
      /^curl -X POST http:\/\/127\.0\.0\.1:8080\/data -H 'content-type: application\/json' -d '\{.*\}'$/,
    );
    expect(read).toBe('curl http://127.0.0.1:8081/data/hello');
  });

  it('shows where the token goes, and nothing without a master', () => {
    for (const line of tryItLines(masters, true)) expect(line).toContain(`-H 'authorization: Bearer <token>'`);
    expect(tryItLines([], false)).toEqual([]);
  });
});

it('authority() puts brackets around IPv6', () => {
  expect(authority('localhost', 1)).toBe('localhost:1');
  expect(authority('::1', 1)).toBe('[::1]:1');
});
