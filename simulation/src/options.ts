import { parseArgs } from 'node:util';
import { parseCase } from './cases/link-cases.js';
import { DISK_CHOICES, type DiskChoice } from './cluster/disks.js';
import { FAULT_NAMES, type FaultChoice, SWARM } from './faults/plan.js';
import { PLAN_VERSION } from './kernel/streams.js';
import { MUTANT_NAMES, type MutantName } from './mutants/mutants.js';

export interface Options {
  readonly from: number;
  /** 0: only what else was asked for. */
  readonly seeds: number;
  readonly workers: number;
  readonly faults: FaultChoice | undefined;
  readonly disks: DiskChoice | undefined;
  readonly mutant: MutantName | undefined;
  readonly trace: boolean;
  /** Small clusters with cut links: one case of so many; undefined: none. */
  readonly links: number | undefined;
  /** One of them. */
  readonly linkCase: string | undefined;
  /** After the seeds, if there are any: see that every deliberate defect is found. */
  readonly mutants: boolean;
  readonly scale: boolean;
}

export const DEFAULT_SEEDS = 100_000;

/** An option of the command line that cannot be honoured. */
export class OptionError extends Error {
  readonly code = 'ERR_SIMULATION_OPTION';
  constructor(option: string, got: string, want: string) {
    super(`--${option}: got ${JSON.stringify(got)}, want ${want}`);
  }
}

/** @throws OptionError */
export function parseOptions(args: readonly string[], cores: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      fault: { type: 'string' },
      disks: { type: 'string' },
      mutant: { type: 'string' },
      links: { type: 'string' },
      case: { type: 'string' },
      trace: { type: 'boolean', default: false },
      mutants: { type: 'boolean', default: false },
      scale: { type: 'boolean', default: false },
    },
  });
  const one = values.seed !== undefined || values.case !== undefined;
  return {
    from: seed('seed', values.seed) ?? seed('from', values.from) ?? 1,
    seeds: one
      ? 1
      : (integer('seeds', values.seeds) ?? (values.mutants || values.links !== undefined ? 0 : DEFAULT_SEEDS)),
    workers: one ? 1 : (integer('workers', values.workers) ?? Math.max(1, Math.min(cores, 16))),
    faults: faultsOf(values.fault),
    disks: choice('disks', values.disks, DISK_CHOICES),
    mutant: choice('mutant', values.mutant, MUTANT_NAMES),
    links: integer('links', values.links),
    linkCase: caseOf(values.case),
    trace: values.trace,
    mutants: values.mutants,
    scale: values.scale,
  };
}

function integer(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new OptionError(option, text, 'an integer from 1');
  return value;
}

/** A seed alone, or `plan:seed`: with another plan a seed is another run. */
function seed(option: string, text: string | undefined): number | undefined {
  const match = /^(\d+):(\d+)$/.exec(text ?? '');
  if (match === null) return integer(option, text);
  if (Number(match[1]) === PLAN_VERSION) return integer(option, match[2]);
  throw new OptionError(option, text!, `a seed of plan ${PLAN_VERSION}`);
}

function caseOf(text: string | undefined): string | undefined {
  if (text === undefined || parseCase(text) !== undefined) return text;
  throw new OptionError('case', text, 'a case as `--links` prints it, such as 3:aux1<>registry,aux1>aux2');
}

function faultsOf(text: string | undefined): FaultChoice | undefined {
  if (text === undefined || text === SWARM) return text;
  return text.split('+').map((name) => choice('fault', name, FAULT_NAMES)!);
}

function choice<T extends string>(option: string, text: string | undefined, names: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const found = names.find((name) => name === text);
  if (found === undefined) throw new OptionError(option, text, `one of ${names.join(', ')}`);
  return found;
}
