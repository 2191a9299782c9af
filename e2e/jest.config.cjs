const preset = require('../jest.preset.cjs');

/** Minutes long: in `npm run faults` only. */
const LONG = process.env.FAULTS_LENGTH === 'full' ? [] : ['src/faults/upgrade\\.spec\\.ts$'];

/** Tests against real processes: one file at a time (`jest --runInBand`), each with a cluster of its own. */
module.exports = {
  displayName: require('./package.json').name,
  preset: '../jest.preset.cjs',
  testTimeout: 30_000,
  testPathIgnorePatterns: [...preset.testPathIgnorePatterns, ...LONG],
  moduleNameMapper: {
    '^@dcs/launcher$': '<rootDir>/../apps/launcher/src/index.ts', // apps are not under libs/
    ...preset.moduleNameMapper,
  },
};
