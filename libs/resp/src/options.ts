import { RespOptionError } from './errors.js';

/** `value`, or `fallback` when it is undefined, if it is an integer in [min, max]. @throws {RespOptionError} otherwise */
export function integerOption(
  option: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  const chosen = value ?? fallback;
  if (!Number.isSafeInteger(chosen) || chosen < min || chosen > max) {
    throw new RespOptionError(option, chosen, `an integer from ${min} to ${max}`);
  }
  return chosen;
}
