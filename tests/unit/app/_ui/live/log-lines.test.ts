import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapBefore, mergeLines } from '../../../../../app/_ui/live/log-lines';
import type { LogLine } from '../../../../../lib/servers/schema';

const line = (seq: number): LogLine => ({ seq, at: '', stream: 'stderr', text: String(seq) });
const lines = (...seqs: number[]) => seqs.map(line);

describe('log lines', () => {
  it('names the gap between what is shown and what came', () => {
    expect(gapBefore(lines(1, 2), lines(3))).toBeNull();
    expect(gapBefore(lines(1, 2), lines(5, 6))).toBe(2);
    expect(gapBefore([], lines(5))).toBeNull();
    expect(gapBefore(lines(4), lines(2))).toBeNull();
  });

  it('shows every line once and in order, however the parts arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 50 }))), (parts) => {
        const merged = parts.reduce<LogLine[]>((known, seqs) => mergeLines(known, lines(...seqs)), []);
        expect(merged.map(({ seq }) => seq)).toEqual([...new Set(parts.flat())].sort((a, b) => a - b));
      }),
    );
  });

  it('lets the oldest lines go beyond the bound', () => {
    expect(mergeLines(lines(1, 2, 3), lines(4, 5), 3)).toEqual(lines(3, 4, 5));
  });
});
