import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { helpText } from '../help.js';
import {
  environmentFor,
  OPTION_VARIABLES,
  OWN_VARIABLES,
  refuseOwnVariables,
  type Role,
  VARIABLES,
} from './environment.js';

const APPS = join(__dirname, '../../..');

it('a variable goes to the roles that know it, and an unknown one to all', () => {
  const environment = {
    PATH: '/bin',
    DCS_ZONE: 'a',
    DCS_BULK_MAX_ITEMS: 't',
    DCS_ODD: '1',
    DCS_LEASE_MS: '9',
    DCS_NONE: undefined,
  };
  expect(environmentFor('aux', environment)).toEqual({ PATH: '/bin', DCS_ZONE: 'a', DCS_ODD: '1', DCS_LEASE_MS: '9' });
  expect(environmentFor('master', environment)).toEqual({
    PATH: '/bin',
    DCS_BULK_MAX_ITEMS: 't',
    DCS_ODD: '1',
    DCS_LEASE_MS: '9',
  });
});

it('a variable that differs per process is refused, an empty one is none', () => {
  expect(() => refuseOwnVariables({ DCS_HTTP_PORT: '1' })).toThrow(/DCS_HTTP_PORT is set.*--port/);
  refuseOwnVariables({ DCS_HTTP_PORT: '', DCS_ID: undefined });
});

describe('the variables that are passed on', () => {
  /** The DCS_ variables in the schema of an app, and the _FILE forms of its secrets. */
  function schemaOf(role: Role): string[] {
    const directory = join(APPS, role, 'src/config');
    const files = readdirSync(directory).filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'));
    const source = files.map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
    const names = Array.from(
      source.matchAll(/^\s*(DCS_[A-Z0-9_]+): (?:z\b|[a-z]\w*[(,.])/gm),
      (match) => match[1] ?? '',
    );
    const secrets = ['DCS_CLUSTER_SECRET', 'DCS_REGISTRY_PASSWORD', 'DCS_API_TOKENS'].filter((name) =>
      names.includes(name),
    );
    return [...new Set([...names, ...secrets.map((name) => `${name}_FILE`)])].sort();
  }

  it.each(['aux', 'master'] as const)('are those that an %s knows', (role) => {
    const passed = Object.keys(VARIABLES).filter((name) => ['both', role].includes(VARIABLES[name]?.to ?? ''));
    const own = Object.keys(OWN_VARIABLES).filter((name) => role === 'aux' || !/^DCS_DATA_/.test(name));
    expect([...passed, ...OPTION_VARIABLES, ...own].sort()).toEqual(schemaOf(role));
  });

  it('are all in --help', () => {
    for (const name of [...Object.keys(VARIABLES), ...OPTION_VARIABLES]) expect(helpText()).toContain(name);
  });
});
