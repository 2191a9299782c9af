import type { Fault } from './fault.js';

const FAR_MS = 120_000;
const STEPS_MS = [-3_600_000, -FAR_MS, -2000, -400, -60, 60, 400, 2000, FAR_MS, 3_600_000];

/** Wall clocks; monotonic ones never step. */
export const CLOCK_FAULTS = {
  clock: {
    splits: true,
    movesClocks: true,
    inject: (scene) => {
      const { process } = scene.random.pick([...scene.cluster.running, ...scene.cluster.gateways]);
      const offsetMs = scene.random.pick([-FAR_MS, -2000, -400, 400, 2000, FAR_MS]);
      const right = (): void => process.setClock({ offsetMs: 0, rate: 1 });
      scene.at(scene.early, `clock of ${process.name} off by ${offsetMs}`, () =>
        process.setClock({ offsetMs, rate: 1 }),
      );
      scene.at(scene.durationMs, `clock of ${process.name} right`, right);
    },
  },

  /** Wall clocks of any processes step at any time, some more than once; each is right again when the phase ends. */
  'clock-steps': {
    inject: (scene) => {
      const all = [...scene.cluster.running, ...scene.cluster.gateways];
      for (let i = scene.random.integer(1, 5); i > 0; i--) {
        const { process } = scene.random.pick(all);
        const stepMs = scene.random.pick(STEPS_MS);
        scene.at(scene.random.between(0, scene.durationMs), `clock of ${process.name} steps to ${stepMs}`, () =>
          process.stepClock(stepMs),
        );
      }
      scene.at(scene.durationMs, 'all clocks right', () => {
        for (const { process } of all) process.stepClock(0);
      });
    },
  },
} satisfies Readonly<Record<string, Fault>>;
