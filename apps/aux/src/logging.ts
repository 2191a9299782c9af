import type { LoggerService } from '@nestjs/common';
import { type Logger, pino } from 'pino';

export interface LoggingOptions {
  readonly id: string;
  readonly level: string;
  readonly format: 'json' | 'pretty';
}

/** JSON lines on stdout, or one readable line each. */
export function createLogger(
  { id, level, format }: LoggingOptions,
  out: NodeJS.WritableStream = process.stdout,
): Logger {
  const destination = { write: (line: string) => void out.write(format === 'json' ? line : pretty(line)) };
  return pino({ level, base: { app: 'aux', id }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

function pretty(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  delete rest['app'];
  delete rest['id'];
  const label = pino.levels.labels[Number(level)] ?? String(level);
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  return `${String(time)} ${label.toUpperCase().padEnd(5)} ${String(msg)}${details}\n`;
}

/** Nest's own messages through the same logger; its start-up chatter is debug. */
export function nestLogger(log: Logger): LoggerService {
  const write = (level: 'debug' | 'warn' | 'error' | 'fatal', message: unknown, details: readonly unknown[]) =>
    log[level]({ details: details.filter((detail) => detail !== undefined).map(String) }, String(message));
  return {
    log: (message, ...details) => write('debug', message, details),
    debug: (message, ...details) => write('debug', message, details),
    verbose: (message, ...details) => write('debug', message, details),
    warn: (message, ...details) => write('warn', message, details),
    error: (message, ...details) => write('error', message, details),
    fatal: (message, ...details) => write('fatal', message, details),
  };
}
