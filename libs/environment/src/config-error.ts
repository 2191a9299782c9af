/** EX_CONFIG of sysexits.h: the exit code of a process whose configuration is wrong. */
export const CONFIG_EXIT_CODE = 78;

/** What is wrong with the environment: one line per problem, each naming the variable, its value and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_CONFIG';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/** One line of a {@link ConfigError}. @param value as it may be shown: see {@link shownValue} */
export function problem(name: string, shown: string, expected: string): string {
  return `${name}: got ${shown}, expected ${expected}`;
}

/** A misspelt secret is not to be printed either. */
const SENSITIVE = /SECRET|TOKEN|PASSWORD/;
/** Up to the last `@`: a password may hold one itself, and slashes. */
const CREDENTIALS = /\/\/.*@/s;
const MAX_SHOWN = 100;

/** A value as a message may show it: secrets and the credentials in a URL are hidden. */
export function shownValue(name: string, value: string | undefined): string {
  if (value === undefined) return 'nothing';
  if (SENSITIVE.test(name) && !name.endsWith('_FILE')) return '(hidden)';
  return JSON.stringify(value.replace(CREDENTIALS, '//(hidden)@').slice(0, MAX_SHOWN));
}
