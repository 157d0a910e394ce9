// The last lines of a server, bounded in bytes and in lines per second. ANSI sequences are kept as text: who shows a
// line decides about them.
import type { LogLine } from '../../lib/servers/schema';

export interface LogRing {
  /** @returns the line, or null if it was over the rate and only counted */
  push(stream: LogLine['stream'], text: string): LogLine | null;
  /** Lines with `seq` above `after`, oldest first, and how many are missing before the last of them. */
  since(after: number, limit: number): { lines: LogLine[]; dropped: number };
}

export interface LogRingOptions {
  maxBytes?: number;
  linesPerSecond?: number;
  maxLineChars?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** What a line costs beside its text: the object, its time, the parts that its text was joined of. */
const lineOverheadBytes = 200;

/** Defaults: 1 MiB and 200 lines a second. */
export function createLogRing({
  maxBytes = 1024 * 1024,
  linesPerSecond = 200,
  maxLineChars = 8192,
  now = Date.now,
}: LogRingOptions = {}): LogRing {
  let lines: LogLine[] = [];
  /** Evicted lines stay in front of `lines` until they are many: shifting an array for each would be slow. */
  let head = 0;
  let bytes = 0;
  let seq = 0;
  let second = 0;
  let inSecond = 0;

  function sizeOf(line: LogLine): number {
    return line.text.length * 2 + lineOverheadBytes;
  }

  function evict(): void {
    while (bytes > maxBytes) {
      const oldest = lines[head];
      if (!oldest) return;
      bytes -= sizeOf(oldest);
      head += 1;
    }
    if (head < 1024 && head * 2 < lines.length) return;
    lines = lines.slice(head);
    head = 0;
  }

  /** Index of the first line with a seq above `after`. */
  function indexAfter(after: number): number {
    let low = head;
    let high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lines[middle]?.seq ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  return {
    push(stream, text) {
      const at = now();
      const thisSecond = Math.floor(at / 1000);
      if (thisSecond !== second) {
        second = thisSecond;
        inSecond = 0;
      }
      inSecond += 1;
      seq += 1;
      if (inSecond > linesPerSecond && stream !== 'hub') return null;
      const kept = text.length > maxLineChars ? `${text.slice(0, maxLineChars)}… (${text.length} characters)` : text;
      const line: LogLine = { seq, at: new Date(at).toISOString(), stream, text: kept };
      lines.push(line);
      bytes += sizeOf(line);
      evict();
      return line;
    },
    since(after, limit) {
      const start = indexAfter(after);
      const found = lines.slice(start, start + Math.max(0, limit));
      const last = found.at(-1);
      return { lines: found, dropped: last ? last.seq - Math.max(0, after) - found.length : 0 };
    },
  };
}
