import { RespProtocolError } from './errors.js';

const DOUBLE = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+$/;
const NOT_FINITE: Readonly<Record<string, number>> = {
  inf: Infinity,
  '+inf': Infinity,
  '-inf': -Infinity,
  nan: NaN,
  '-nan': NaN,
};

/** The payload of a `,` line. @throws {RespProtocolError} */
export function parseDouble(text: string): number {
  if (DOUBLE.test(text)) return Number(text);
  const value = NOT_FINITE[text.toLowerCase()];
  if (value === undefined)
    throw new RespProtocolError(`Protocol error: invalid double ${JSON.stringify(text.slice(0, 32))}`);
  return value;
}

/** The payload of a `(` line. @throws {RespProtocolError} */
export function parseBigNumber(text: string): bigint {
  if (!INTEGER.test(text)) {
    throw new RespProtocolError(`Protocol error: invalid big number ${JSON.stringify(text.slice(0, 32))}`);
  }
  return BigInt(text.startsWith('+') ? text.slice(1) : text);
}
