import { z } from 'zod';

const BYTE_ORDER_MARK = /^\uFEFF/;
const MIN_SECRET = 8;
const MAX_SECRET = 1024;
/** One in use, and the one before or after it. */
const MAX_SECRETS = 2;
const UNPRINTABLE = /[\p{Cc}\p{Cs}\uFFFD]/u;

/** The lines of a secret's text, be it of a variable or a file: no byte order mark, no blanks around, no empty lines. */
export function secretLines(value: string): string[] {
  return value
    .replace(BYTE_ORDER_MARK, '')
    .split(/\r?\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** One secret that somebody else has chosen, such as a password. */
export const secret = z
  .string()
  .transform((value, context): string => {
    const [line = '', ...more] = secretLines(value);
    if (line !== '' && line.length <= MAX_SECRET && more.length === 0 && !UNPRINTABLE.test(line)) return line;
    context.addIssue({ code: 'custom', message: 'not a secret' });
    return z.NEVER;
  })
  .optional()
  .describe(`a line of 1 to ${MAX_SECRET} characters`);

/** Secrets, one a line. The first is the one in use. */
export const secrets = z
  .string()
  .transform((value, context): readonly string[] => {
    const lines = secretLines(value);
    const isGood = (line: string) => line.length >= MIN_SECRET && line.length <= MAX_SECRET && !UNPRINTABLE.test(line);
    if (lines.length > 0 && lines.length <= MAX_SECRETS && lines.every(isGood)) return lines;
    context.addIssue({ code: 'custom', message: 'not a secret' });
    return z.NEVER;
  })
  .default([])
  .describe(`a line, or ${MAX_SECRETS} during a rotation, of ${MIN_SECRET} to ${MAX_SECRET} characters`);
