import type { Streams } from '../kernel/streams.js';
import { CLOCK_FAULTS } from './clock-faults.js';
import { DISK_FAULTS } from './disk-faults.js';
import type { Fault } from './fault.js';
import { NETWORK_FAULTS } from './network-faults.js';
import { PROCESS_FAULTS } from './process-faults.js';
import { REGISTRY_FAULTS } from './registry-faults.js';

const CATALOGUE = {
  ...PROCESS_FAULTS,
  ...NETWORK_FAULTS,
  ...REGISTRY_FAULTS,
  ...CLOCK_FAULTS,
  ...DISK_FAULTS,
};

export type FaultName = keyof typeof CATALOGUE;

export const FAULTS: Readonly<Record<FaultName, Fault>> = CATALOGUE;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** Several faults at once, drawn by the seed. */
export const SWARM = 'swarm';

/** What is asked for in place of what the seed would have. */
export type FaultChoice = readonly FaultName[] | typeof SWARM;

/** Share of the seeds that have several faults at once. */
const SWARM_SHARE = 0.2;
/** With what probability each fault is part of a swarm. */
const SWARM_DENSITIES = [0.08, 0.15, 0.3];
/** Most faults of a swarm. With more at once, nodes that are cut off and others that leave lose what was acknowledged. */
const LARGEST_SWARM = 3;

/** Faults that a seed may have by chance. */
const CHOSEN = FAULT_NAMES.filter((name) => FAULTS[name].off === undefined);
/** Those of them that others may go with: what no disk is needed for, and no memory of a whole slot is lost by. */
const TOGETHER = CHOSEN.filter((name) => {
  const { loses, disks, evicts, alone } = FAULTS[name];
  return name !== 'calm' && alone === undefined && loses !== 'all' && disks !== true && evicts !== true;
});

/** What a seed has for its faults, of those that are asked for, or of all. */
export function faultsOf(streams: Streams, choice: FaultChoice | undefined): readonly FaultName[] {
  if (choice !== undefined && choice !== SWARM) return choice;
  if (choice === SWARM || streams.of('swarm').chance(SWARM_SHARE)) return swarmOf(streams);
  return [best(CHOSEN, (name) => streams.of(`fault ${name}`).float() ** (1 / (FAULTS[name].weight ?? 1)))];
}

/** Any that go together; memory of one node at a time is lost, as only that is promised to be survived without disks. */
function swarmOf(streams: Streams): readonly FaultName[] {
  const density = streams.of('swarm density').pick(SWARM_DENSITIES);
  const score = (name: FaultName): number => streams.of(`in swarm ${name}`).float();
  const rest = [...TOGETHER].sort((a, b) => score(a) - score(b));
  const swarm: FaultName[] = [];
  for (const name of rest) {
    if (swarm.length >= LARGEST_SWARM || (swarm.length >= 2 && score(name) >= density)) break;
    if (FAULTS[name].loses === undefined || !swarm.some((other) => FAULTS[other].loses)) swarm.push(name);
  }
  return swarm;
}

/** The one with the highest score: a further one takes only the seeds in which its own score is the highest. */
function best(names: readonly FaultName[], score: (name: FaultName) => number): FaultName {
  let found = names[0]!;
  let highest = -1;
  for (const name of names) {
    const its = score(name);
    if (its > highest) [found, highest] = [name, its];
  }
  return found;
}
