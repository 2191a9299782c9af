import type { z } from 'zod';
import { ConfigError, problem, shownValue } from './config-error.js';
import { SECRET_VARIABLES } from './shared-variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where values come from. */
export interface VariableSource {
  readonly environment: Environment;
  /** Contents of a file named by a `_FILE` variable, as UTF-8. */
  readonly readFile: (path: string) => string;
}

type Schemas = Readonly<Record<string, z.ZodType>>;
type Values<T extends Schemas> = { readonly [K in keyof T]: z.output<T[K]> };

const PREFIX = 'DCS_';
const FILE = '_FILE';

/**
 * The checked values of all variables, defaults filled in. An empty variable is one that is not set, as compose files
 * pass those. An unknown `DCS_` variable is a problem.
 * @throws ConfigError with every problem found, not only the first
 */
export function readVariables<const T extends Schemas>(schemas: T, source: VariableSource): Values<T> {
  const { environment } = source;
  const problems: string[] = [];
  const isSecret = (name: string): boolean => name in schemas && (SECRET_VARIABLES as readonly string[]).includes(name);
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || !value || name in schemas) continue;
    if (name.endsWith(FILE) && isSecret(name.slice(0, -FILE.length))) continue;
    problems.push(problem(name, shownValue(name, value), 'no such variable'));
  }
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    let given = environment[name] || undefined;
    let from = name;
    const path = isSecret(name) ? environment[name + FILE] : undefined;
    if (path) {
      from = name + FILE;
      if (given !== undefined) {
        problems.push(problem(from, JSON.stringify(path), `it unset while ${name} is set`));
        continue;
      }
      try {
        given = source.readFile(path);
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
        problems.push(problem(from, JSON.stringify(path), `a file that can be read (${reason})`));
        continue;
      }
    }
    const result = schema.safeParse(given);
    if (result.success) {
      values[name] = result.data;
      continue;
    }
    const [issue] = result.error.issues;
    const said = issue?.code === 'custom' ? (issue.params as { expected?: string } | undefined)?.expected : undefined;
    const expected = said ?? schema.description ?? 'another value';
    problems.push(problem(from, path ? '(hidden)' : shownValue(name, given), expected));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Values<T>;
}
