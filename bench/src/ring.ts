import { availableParallelism } from 'node:os';
import { writeResult } from './report.js';
import { benchmarkTables } from './ring-balance.js';
import { benchmarkLookups } from './ring-lookup.js';

/*
 * `@dcs/consistent-hash` against npm hashring and a plain binary search, and what its slot table holds. Writes
 * results/ring.md. Only the ratios carry over to other machines.
 *
 *   node --conditions=@dcs/source --import @swc-node/register/esm-register src/ring.ts
 */
const ROUNDS = 7;

const report = `${[
  '# Ring and slot table',
  `${availableParallelism()} cores, Node ${process.versions.node}`,
  benchmarkLookups(ROUNDS),
  benchmarkTables(ROUNDS),
].join('\n\n')}\n`;
process.stdout.write(`${report}-> ${await writeResult('ring', report)}\n`);
