module.exports = { displayName: require('./package.json').name, preset: '../../jest.preset.cjs' };
