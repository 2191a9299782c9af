import type { CounterEvent, RegisterEvent, SharedCounterHistory, Violation, ViolationKind } from './history.js';

const LAST_EVENTS = 8;

/**
 * Checks the history of a key that one client writes unique values to, one operation at a time.
 *
 * At each moment the key has one known state (the last that was acknowledged or read) or one of those written since by
 * operations of unknown outcome. A read must give one of these; what it gives is the known state from then on. An
 * acknowledged write or delete ends everything before it: what was under way then must not appear any more. After a
 * rollback every state since its time is possible again, and no state before that.
 */
export function checkRegister(key: string, events: readonly RegisterEvent[]): Violation[] {
  const violations: Violation[] = [];
  const attempted = new Set<string>();
  let maybe = new Set<string | undefined>();
  let current: string | undefined;
  /** The known states, each with what may have followed it. */
  const states = [{ at: -Infinity, value: current, maybe }];
  const know = (value: string | undefined, at = -Infinity): void => {
    current = value;
    states.push({ at, value, maybe });
  };
  const report = (kind: ViolationKind, at: number, found: string | undefined): void => {
    const may = [...maybe].map(shown).join(', ');
    const detail = `${shown(found)} where ${shown(current)} was${may === '' ? '' : ` (or ${may})`}: ${story(events, at)}`;
    violations.push({ key, kind, detail });
  };
  events.forEach((event, at) => {
    switch (event.kind) {
      case 'write':
        attempted.add(event.value);
        if (event.outcome === 'unknown') {
          maybe.add(event.value);
          return;
        }
        maybe = new Set();
        know(event.value, event.at);
        return;
      case 'delete':
        if (event.outcome === 'unknown') {
          maybe.add(undefined);
          return;
        }
        if (event.found === false && current !== undefined && !maybe.has(undefined)) report('lost', at, undefined);
        if (event.found === true && current === undefined && ![...maybe].some((value) => value !== undefined)) {
          report('resurrected', at, 'something');
        }
        maybe = new Set();
        know(undefined, event.at);
        return;
      case 'read':
        if (event.value !== current && !maybe.has(event.value)) {
          report(wrongRead(event.value, current, attempted, event.final ?? false), at, event.value);
        }
        maybe.delete(event.value);
        know(event.value, event.at); // One violation is told once.
        return;
      case 'rollback':
        for (const state of states.slice(states.findLastIndex(({ at }) => at <= event.since))) {
          for (const value of [state.value, ...state.maybe]) maybe.add(value);
        }
        return;
    }
  });
  return violations;
}

function wrongRead(
  value: string | undefined,
  current: string | undefined,
  attempted: ReadonlySet<string>,
  final: boolean,
): ViolationKind {
  if (value === undefined) return 'lost';
  if (!attempted.has(value)) return 'invented';
  if (current === undefined) return 'resurrected';
  return final ? 'lost' : 'stale';
}

/** Checks the history of a counter that one client increments by one, one operation at a time. */
export function checkCounter(key: string, events: readonly CounterEvent[]): Violation[] {
  const violations: Violation[] = [];
  let low = 0;
  let unknown = 0;
  const states = [{ at: -Infinity, low }];
  events.forEach((event, at) => {
    if (event.kind === 'rollback') {
      const before = states.findLast((state) => state.at <= event.since)?.low ?? 0;
      unknown += Math.max(0, low - before);
      low = Math.min(low, before);
      return;
    }
    if (event.kind === 'increment' && event.outcome === 'unknown') {
      unknown++;
      return;
    }
    const step = event.kind === 'increment' ? 1 : 0;
    const value = event.value ?? 0;
    const least = low + step;
    const most = least + unknown;
    if (value < least || value > most) {
      const kind = value > most ? 'duplicated' : event.kind === 'read' && event.final !== true ? 'stale' : 'lost';
      violations.push({ key, kind, detail: `${value}, want ${least} to ${most}: ${story(events, at)}` });
    }
    unknown = Math.max(0, most - Math.max(value, least));
    low = value;
    states.push({ at: event.at ?? -Infinity, low });
  });
  return violations;
}

/**
 * Checks a counter that many clients increment by one at the same time: every acknowledged increment has had its own
 * effect, once, and an unknown one at most once.
 */
export function checkSharedCounter(key: string, history: SharedCounterHistory): Violation[] {
  const { acknowledged, unknown, mayBeUndone = 0 } = history;
  const violations: Violation[] = [];
  const final = history.final ?? 0;
  const seen = new Set<number>();
  let repeats = 0;
  for (const value of acknowledged) {
    if (seen.has(value) && ++repeats > mayBeUndone) {
      violations.push({ key, kind: 'lost', detail: `two increments answered ${value}` });
    }
    seen.add(value);
  }
  const least = Math.max(acknowledged.length, ...acknowledged) - mayBeUndone;
  const most = acknowledged.length + unknown;
  const detail = `${final} after ${acknowledged.length} acknowledged increments, the last ${Math.max(0, ...acknowledged)}, and ${unknown} unknown`;
  if (final < least) violations.push({ key, kind: 'lost', detail });
  if (final > most || least > most) violations.push({ key, kind: 'duplicated', detail });
  return violations;
}

function shown(value: string | undefined): string {
  return value ?? 'nothing';
}

function story(events: readonly object[], at: number): string {
  return events
    .slice(Math.max(0, at - LAST_EVENTS + 1), at + 1)
    .map((event) => JSON.stringify(event))
    .join(' ');
}
