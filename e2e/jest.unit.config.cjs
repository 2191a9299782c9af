// Tests of the test runner itself (`bin/`): they start no process.
module.exports = { ...require('./jest.config.cjs'), testMatch: ['<rootDir>/bin/**/*.spec.js'] };
