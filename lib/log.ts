// Structured logs of both programs. Secrets are removed by field name here; callers never log credentials by value.
import pino, { type Logger } from 'pino';
import { singleton } from './singleton';

export type Log = Logger;

const secretFields = ['authorization', 'cookie', 'password', 'token', 'secret', 'apiKey', 'headers', 'env'];

/** Makes a logger that writes JSON lines to stdout; the launcher turns them into readable lines on a terminal. */
export function createLog(program: string, level: string): Log {
  return pino({
    level,
    base: { program },
    redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}

/** The logger of this process. The first caller's program name and level stay in force. */
export function log(program = 'web', level = 'info'): Log {
  return singleton('log', () => createLog(program, level));
}
