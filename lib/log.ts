// Structured logs of both programs. Secrets are removed by field name here; callers never log credentials by value.
import pino, { type Logger } from 'pino';
import { messageOf } from './errors';
import { singleton } from './singleton';

export type Log = Logger;

const secretFields = ['authorization', 'cookie', 'password', 'token', 'secret', 'apiKey', 'headers', 'env'];

/** Makes a logger that writes JSON lines to stdout; the launcher turns them into readable lines on a terminal. */
export function createLog(program: string, level: string): Log {
  return pino({
    level,
    base: { program },
    redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { err: errorForLog },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}

interface LoggedError {
  type: string;
  message: string;
  code?: string | number;
  stack?: string;
}

const causesMax = 4;

/**
 * Messages and stacks of an error and its causes, and no other field: drivers put queries, rows and values into fields of
 * their own.
 */
export function errorForLog(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const chain = [error];
  for (let next = error.cause; next instanceof Error && chain.length < causesMax; next = next.cause) chain.push(next);
  const code = chain.map((each) => (each as { code?: unknown }).code).find((each) => each !== undefined);
  return {
    type: error.name,
    message: chain.map(messageOf).join(': '),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    stack: chain.map(framesOf).join('\ncaused by:\n'),
  };
}

/** The stack without the message on top of it. */
function framesOf({ stack = '', message }: Error): string {
  return stack.slice(stack.indexOf(message) + message.length).replace(/^\n/, '');
}

/** The logger of this process. The first caller's program name and level stay in force. */
export function log(program = 'web', level = 'info'): Log {
  return singleton('log', () => createLog(program, level));
}
