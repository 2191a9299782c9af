import { type AuxInfo, type MasterInfo } from './cluster-plan.js';

/** The table that says where everything is, one line per process. */
export function addressTable(masters: readonly MasterInfo[], aux: readonly AuxInfo[]): string[] {
  const rows = [
    ['process', 'pid', 'HTTP', 'RESP'],
    ...masters.map(({ name, pid, url }) => [name, String(pid), url, '']),
    ...aux.map(({ name, pid, host, dataPort, httpPort }) => [
      name,
      String(pid),
      `http://${authority(host, httpPort)}`,
      authority(host, dataPort),
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Two commands to paste: a write at the first master, a read at the last. */
export function tryItLines(masters: readonly MasterInfo[], withTokens: boolean): string[] {
  const [first] = masters;
  const last = masters.at(-1);
  if (first === undefined || last === undefined) return [];
  const token = withTokens ? ` -H 'authorization: Bearer <token>'` : '';
  return [
    `curl -X POST ${first.url}/data${token} -H 'content-type: application/json' -d '{"key":"hello","value":"world","ttl":60}'`,
    `curl ${last.url}/data/hello${token}`,
  ];
}

/** `host:port`, with the brackets that IPv6 needs. */
export function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
