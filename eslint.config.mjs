import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';

const boundaries = {
  enforceBuildableLibDependency: true,
  allow: ['^.*/eslint(\\.base)?\\.config\\.[cm]?[jt]s$'],
  depConstraints: [
    { sourceTag: 'type:lib', onlyDependOnLibsWithTags: ['type:lib'] },
    { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['type:lib'] },
    { sourceTag: 'type:test', onlyDependOnLibsWithTags: ['type:lib', 'type:app'] },
  ],
};

/** One configuration for the whole workspace. */
export default [
  { ignores: ['**/dist', '**/out-tsc', '**/coverage', '**/.tshy', '**/.tshy-build', '**/.dcs'] },
  ...nx.configs['flat/base'],
  ...nx.configs['flat/typescript'],
  ...nx.configs['flat/javascript'],
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@nx/enforce-module-boundaries': ['error', boundaries],
    },
  },
  {
    // Nobody imports an app, but tests and benchmarks start a cluster through the launcher's API.
    files: ['e2e/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': ['error', { ...boundaries, allow: [...boundaries.allow, '@dcs/launcher'] }],
    },
  },
  {
    // The simulation runs the apps' own parts.
    files: ['simulation/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        { ...boundaries, allow: [...boundaries.allow, '@dcs/aux/**', '@dcs/master/**'] },
      ],
    },
  },
  {
    // Libraries read no environment, and the two data structures also run in a browser.
    files: ['libs/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Libraries take options.' }],
    },
  },
  {
    files: ['libs/{lru-cache,consistent-hash}/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: ['node:*'] }] },
  },
  {
    files: ['apps/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts', 'apps/*/src/config/**'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Only config/ reads it.' }],
    },
  },
  prettier,
];
