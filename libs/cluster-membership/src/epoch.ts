/*
 * An epoch is one safe integer that says two things: which history of the registry it belongs to, and the number of the
 * view in it.
 *
 *   epoch = history * 2^15 + number        history = time of its begin, in 1/32 s since 2020
 *
 * A registry begins a history when it may not be the continuation of what it has given out before: it was empty; it runs
 * on another server, or one that was started again, and may lack its last changes; or a caller has seen a later epoch. So
 * two registries that go on from one state (a primary that was cut off and the replica that was promoted, a registry and
 * its backup) number their views differently, and one of them is greater: no epoch is given out twice.
 *
 * The time only makes histories distinct and late ones greater; it need not be right. A history is always at least two
 * above every one that the registry or its caller knows, so that a clock that was set back does no harm. What remains:
 * two servers that begin histories of one cluster within 1/16 s of each other, or with a clock that was set back to the
 * begin of the other one, from states that do not know of one another.
 */

const NUMBERS = 2 ** 15;
const PER_SECOND = 32;
const ORIGIN_MS = Date.UTC(2020, 0, 1);

/** The history that an epoch belongs to; 0 for the empty view and for epochs of releases before histories. */
export function historyOf(epoch: number): number {
  return Math.floor(epoch / NUMBERS);
}

/**
 * The epoch before the first of a new history.
 * @param wallMs wall clock, milliseconds since 1970
 * @param known the highest epoch that is known; 0 for none
 */
export function beginHistory(wallMs: number, known: number): number {
  const byTime = Math.floor(((wallMs - ORIGIN_MS) / 1000) * PER_SECOND);
  return Math.max(1, byTime, known === 0 ? 1 : historyOf(known) + 2) * NUMBERS;
}

/** For the script, which counts in the same way. */
export const EPOCHS = { numbers: NUMBERS, perSecond: PER_SECOND, originMs: ORIGIN_MS } as const;
