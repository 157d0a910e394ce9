// What the hub prints: its children's log lines and the launcher's own words. On a terminal pino's JSON lines become
// short readable ones; into a file or a pipe they go as they are.

export interface Output {
  /** A sentence of the launcher itself. */
  say(text: string): void;
  /** A line that a child wrote. */
  child(program: string, line: string): void;
}

const levels: Record<number, string> = { 10: 'trace', 20: 'debug', 30: '', 40: 'warning', 50: 'error', 60: 'fatal' };
const colours: Record<number, string> = { 40: '\x1b[33m', 50: '\x1b[31m', 60: '\x1b[31m' };
const dim = '\x1b[2m';
const plain = '\x1b[0m';
const shownElsewhere = new Set(['level', 'time', 'program', 'msg', 'pid', 'hostname']);

export function createOutput(stream: NodeJS.WriteStream, colour: boolean): Output {
  const write = (text: string) => stream.write(`${text}\n`);
  return {
    say: (text) => write(text),
    child: (program, line) => write(stream.isTTY ? readable(program, line, colour) : line),
  };
}

/** `12:30:01 worker   server "files" is ready tools=14`; a line that is not pino's is shown as it is. */
export function readable(program: string, line: string, colour: boolean): string {
  const record = parseRecord(line);
  const paint = (style: string, text: string) => (colour && text ? `${style}${text}${plain}` : text);
  if (!record) return `${paint(dim, `         ${program.padEnd(8)}`)} ${line}`;
  const level = Number(record.level);
  const time = new Date(String(record.time)).toTimeString().slice(0, 8);
  const word = levels[level] ? `${paint(colours[level] ?? dim, levels[level])} ` : '';
  const extras = Object.entries(record)
    .filter(([key]) => !shownElsewhere.has(key))
    .map(([key, value]) => `${key}=${show(value)}`)
    .join(' ');
  const head = paint(dim, `${time} ${String(record.program ?? program).padEnd(8)}`);
  return `${head} ${word}${record.msg ?? ''}${extras && ` ${paint(dim, extras)}`}`;
}

/** The text of a log line of level error or fatal; null for any other line. */
export function complaintOf(line: string): string | null {
  const record = parseRecord(line);
  if (!record || Number(record.level) < 50) return null;
  const cause =
    record.err && typeof record.err === 'object' && 'message' in record.err ? record.err.message : undefined;
  return [record.msg, cause].filter(Boolean).join(': ');
}

function parseRecord(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{"level":')) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** An error as pino writes it becomes its message and the first lines of its stack. */
function show(value: unknown): string {
  if (typeof value === 'string') return /[\s"]/.test(value) ? JSON.stringify(value) : value;
  if (value && typeof value === 'object' && 'stack' in value)
    return String(value.stack).split('\n').slice(0, 4).join('\n  ');
  return JSON.stringify(value);
}
