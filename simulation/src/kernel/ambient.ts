/** Something in a run asked the real world for the time, for chance or to wait: the run would not repeat. */
export class AmbientError extends Error {
  readonly code = 'ERR_SIMULATION_AMBIENT';
  constructor(what: string) {
    super(`${what} was called in a simulated run: time, timers and chance come in from outside`);
  }
}

type Owner = Record<string, unknown>;

const FORBIDDEN: readonly (readonly [owner: Owner, name: string, what: string])[] = [
  [Date as unknown as Owner, 'now', 'Date.now'],
  [Math as unknown as Owner, 'random', 'Math.random'],
  [performance as unknown as Owner, 'now', 'performance.now'],
  [globalThis as Owner, 'setTimeout', 'setTimeout'],
  [globalThis as Owner, 'setInterval', 'setInterval'],
  [globalThis as Owner, 'setImmediate', 'setImmediate'],
];

/** Makes real time, real timers and real chance throw; returns what gives them back. */
export function forbidAmbient(): () => void {
  const originals = FORBIDDEN.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  for (const [owner, name, what] of FORBIDDEN) {
    const value = (): never => {
      throw new AmbientError(what);
    };
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  }
  return () => {
    FORBIDDEN.forEach(([owner, name], i) => {
      const original = originals[i];
      if (original === undefined) delete owner[name];
      else Object.defineProperty(owner, name, original);
    });
  };
}
