import { z } from 'zod';

/*
 * Schemas of variables. Each has a description: what is expected, in the words of the message about a value that is
 * not. The default is part of the schema, so there is one place for it.
 */

export function integer(byDefault: number, min: number, max: number) {
  return z
    .string()
    .regex(/^-?\d{1,16}$/)
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max)
    .default(byDefault)
    .describe(`an integer from ${min} to ${max}`);
}

export function text(pattern: RegExp, expected: string, byDefault: string) {
  return z.string().regex(pattern).default(byDefault).describe(expected);
}

export function optionalText(pattern: RegExp, expected: string) {
  return z.string().regex(pattern).optional().describe(expected);
}

export function choice<const T extends readonly [string, ...string[]]>(values: T, byDefault: T[number]) {
  return z
    .enum(values)
    .default(byDefault as never)
    .describe(`one of ${values.join(', ')}`);
}

export function flag(byDefault: boolean) {
  return z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(byDefault)
    .describe('one of true, false');
}
