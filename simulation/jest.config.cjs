module.exports = {
  displayName: require('./package.json').name,
  preset: '../jest.preset.cjs',
  // The parts of the apps that run here, from their sources: no build is needed.
  testEnvironmentOptions: { customExportConditions: ['@dcs/source', 'node', 'node-addons'] },
};
