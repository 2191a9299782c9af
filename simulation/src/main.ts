import { availableParallelism } from 'node:os';
import { linkCases, nameOf } from './cases/link-cases.js';
import { describeResult, Summary } from './report.js';
import { type MutantName, SEEN_MUTANTS } from './mutants/mutants.js';
import { OptionError, type Options, parseOptions } from './options.js';
import { Pool } from './pool.js';
import { runSeed } from './run-seed.js';
import { simulateScale } from './scale/scale.js';
import { type Job, seedOptions } from './job.js';

/** Every so many seeds one is run twice, to see that it is the same run. */
const REPEATED_EVERY = 50;
/** Seeds in which a mutant must show. */
const MUTANT_SEEDS = 400;
/** Seeds between two signs of life. */
const PROGRESS_EVERY = 2000;

function* jobs(options: Options, mutantName: MutantName | undefined, seeds: number): Generator<Job, undefined> {
  for (let seed = options.from; seed < options.from + seeds; seed++) {
    const twice = mutantName === undefined && seed % REPEATED_EVERY === 0;
    const { faults, disks } = options;
    yield { seed, faults, disks, mutant: mutantName, linkCase: options.linkCase, twice };
  }
  return undefined;
}

function* linkJobs({ from, links, mutant, disks }: Options): Generator<Job, undefined> {
  for (const [i, linkCase] of linkCases().entries()) {
    if (i % links! !== 0) continue;
    yield { seed: from, faults: undefined, disks, mutant, linkCase: nameOf(linkCase), twice: false };
  }
  return undefined;
}

async function runJobs(options: Options, runs: Iterator<Job>, pool: Pool): Promise<boolean> {
  const summary = new Summary();
  await pool.run(runs, (result) => {
    const lines = summary.add(result);
    if (lines.length > 0) console.log(lines.join('\n'));
    if (summary.total % PROGRESS_EVERY === 0 && summary.total !== options.seeds) console.log(summary.progress);
    return true;
  });
  console.log(summary.lines().join('\n'));
  return summary.failed === 0;
}

async function runMutants(options: Options, pool: Pool): Promise<boolean> {
  let missed = 0;
  for (const name of SEEN_MUTANTS) {
    let found: string | undefined;
    let seeds = 0;
    await pool.run(jobs(options, name, MUTANT_SEEDS), (result) => {
      seeds++;
      const violation = result.violations[0];
      if (violation === undefined || found !== undefined) return found === undefined;
      found = `seed ${result.seed} (${result.faults.join('+')}): ${violation.check} ${violation.key} ${violation.text}`;
      return false;
    });
    if (found === undefined) missed++;
    console.log(
      `${name}: ${found === undefined ? `NOT FOUND in ${seeds} seeds` : `found after ${seeds} seeds, ${found}`}`,
    );
  }
  const killed = SEEN_MUTANTS.length - missed;
  console.log(`Tests: ${missed > 0 ? `${missed} failed, ` : ''}${killed} passed, ${SEEN_MUTANTS.length} total`);
  return missed === 0;
}

async function traceOne(options: Options): Promise<boolean> {
  const result = await runSeed({
    ...seedOptions({ ...options, seed: options.from }),
    tracer: (time, process, text) => console.log(`${time.toFixed(3).padStart(10)} ${process.padEnd(6)} ${text}`),
  });
  console.log(describeResult(result).join('\n'));
  return result.violations.length === 0;
}

async function main(): Promise<boolean> {
  const options = parseOptions(process.argv.slice(2), availableParallelism());
  if (options.scale) return simulateScale();
  if (options.trace) return traceOne(options);
  const pool = new Pool(options.workers);
  try {
    const { seeds, links, mutants, mutant } = options;
    const seedsPassed = seeds === 0 || (await runJobs(options, jobs(options, mutant, seeds), pool));
    const linksPassed = links === undefined || (await runJobs(options, linkJobs(options), pool));
    const mutantsPassed = !mutants || (await runMutants(options, pool));
    return seedsPassed && linksPassed && mutantsPassed;
  } finally {
    await pool.close();
  }
}

main().then(
  (passed) => {
    process.exitCode = passed ? 0 : 1;
  },
  (error: Error) => {
    console.error(error instanceof OptionError ? error.message : error);
    process.exitCode = 2;
  },
);
