// Tests that need a real server of another make (`*.integration.spec.ts`); `nx run <project>:integration`.
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['<rootDir>/src/**/*.integration.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
