import { type Painter } from './paint.js';

/** Levels of pino. A line that is no JSON has none. */
export const LEVEL_WARN = 40;
const LEVEL_ERROR = 50;
const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const LEVEL_WIDTH = 5;
/** Said already by the name in front of the line, or of no use to a reader. */
const HIDDEN = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'msg',
  'message',
  'v',
  'name',
  'app',
  'role',
  'id',
  'node',
]);
/** C0 and C1 control characters: what a client put into a key must not move the cursor of a terminal. */
// eslint-disable-next-line no-control-regex -- matching them is the point
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** A log line of a process, split once. */
export interface LogRecord {
  readonly level: number | undefined;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
  readonly text: string;
}

/** Reads one line; whatever is not a pino record stays the text it is. */
export function readLogLine(line: string): LogRecord {
  if (line.startsWith('{')) {
    try {
      const fields = JSON.parse(line) as Record<string, unknown>;
      const level = fields['level'];
      if (typeof level === 'number') return { level, fields, text: line };
    } catch {
      // Not JSON after all.
    }
  }
  return { level: undefined, fields: undefined, text: line };
}

/**
 * A record as a person reads it: `12:00:00.123 info  joined epoch=3 host=127.0.0.1`; the stack of an error follows on
 * lines of its own.
 */
export function renderLogRecord(record: LogRecord, paint: Painter): string[] {
  const { fields, level } = record;
  if (fields === undefined || level === undefined) return [printable(record.text)];
  const stack: string[] = [];
  const words = [paint('dim', clock(fields['time'])), paintLevel(level, paint)];
  const message = fields['msg'] ?? fields['message'];
  if (typeof message === 'string' && message !== '') words.push(printable(message));
  for (const [key, value] of Object.entries(fields)) {
    if (HIDDEN.has(key) || value === undefined) continue;
    if (isError(value)) {
      words.push(`${paint('dim', `${key}=`)}${word(value.message)}`);
      if (typeof value.stack === 'string') stack.push(...value.stack.split('\n').slice(1));
    } else {
      words.push(`${paint('dim', `${printable(key)}=`)}${word(value)}`);
    }
  }
  return [words.join(' '), ...stack.map((line) => paint('dim', printable(line)))];
}

function paintLevel(level: number, paint: Painter): string {
  const name = (LEVEL_NAMES[level] ?? String(level)).padEnd(LEVEL_WIDTH);
  if (level >= LEVEL_ERROR) return paint('red', name);
  return level >= LEVEL_WARN ? paint('yellow', name) : paint('dim', name);
}

function isError(value: unknown): value is { message: string; stack?: unknown } {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

/** Local time of day; pino writes milliseconds since 1970 or, if told so, an ISO string. */
function clock(time: unknown): string {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return '--:--:--.---';
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

function word(value: unknown): string {
  if (typeof value === 'string' && value !== '' && !/[\s"=]/.test(value)) return printable(value);
  return printable(JSON.stringify(value) ?? String(value));
}

function printable(text: string): string {
  return text.replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
