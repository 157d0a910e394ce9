// The tail of one server's log: merged by sequence number, bounded, and aware of what is missing.
import type { LogLine } from '@/lib/servers/schema';

export const maxLines = 10_000;

/** Adds lines in the order of `seq`, each once; the oldest beyond `max` are let go. */
export function mergeLines(known: readonly LogLine[], incoming: readonly LogLine[], max = maxLines): LogLine[] {
  const last = known.at(-1)?.seq ?? Number.NEGATIVE_INFINITY;
  const first = incoming[0]?.seq ?? Number.POSITIVE_INFINITY;
  if (first > last && isRising(incoming)) return [...known, ...incoming].slice(-max);
  const bySeq = new Map([...known, ...incoming].map((line) => [line.seq, line]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq).slice(-max);
}

/** @returns the `seq` after which lines are missing between the two, or null */
export function gapBefore(known: readonly LogLine[], incoming: readonly LogLine[]): number | null {
  const last = known.at(-1);
  const first = incoming[0];
  if (!last || !first) return null;
  return first.seq > last.seq + 1 ? last.seq : null;
}

function isRising(lines: readonly LogLine[]): boolean {
  return lines.every((line, index) => index === 0 || line.seq > (lines[index - 1]?.seq ?? 0));
}
