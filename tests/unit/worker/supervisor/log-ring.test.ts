import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogRing } from '../../../../worker/supervisor/log-ring';

const texts = (lines: { text: string }[]) => lines.map(({ text }) => text);

describe('the log ring', () => {
  it('gives lines after a number, oldest first, in pages', () => {
    const ring = createLogRing({ now: () => 0 });
    for (const text of ['a', 'b', 'c', 'd']) ring.push('stderr', text);
    expect(texts(ring.since(0, 10).lines)).toEqual(['a', 'b', 'c', 'd']);
    expect(texts(ring.since(1, 2).lines)).toEqual(['b', 'c']);
    expect(ring.since(4, 10)).toEqual({ lines: [], dropped: 0 });
  });

  it('takes 200 lines a second, counts the rest and says so', () => {
    let now = 0;
    const ring = createLogRing({ now: () => now });
    for (let index = 0; index < 250; index += 1) ring.push('stderr', String(index));
    now = 1000;
    ring.push('stderr', 'next second');
    const { lines, dropped } = ring.since(0, 1000);
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toMatchObject({ seq: 251, text: 'next second' });
    expect(dropped).toBe(50);
  });

  it('keeps what the hub itself says, also during a flood', () => {
    const ring = createLogRing({ now: () => 0, linesPerSecond: 1 });
    ring.push('stderr', 'a');
    ring.push('stderr', 'b');
    ring.push('hub', 'It ended.');
    expect(texts(ring.since(0, 10).lines)).toEqual(['a', 'It ended.']);
  });

  it('never holds more than its bytes, and keeps the newest', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 }), { maxLength: 400 }), (lines) => {
        const ring = createLogRing({ maxBytes: 8192, linesPerSecond: Number.POSITIVE_INFINITY, now: () => 0 });
        for (const line of lines) ring.push('stderr', line);
        const kept = texts(ring.since(0, 1000).lines);
        const bytes = kept.reduce((sum, text) => sum + text.length * 2 + 200, 0);
        expect(bytes).toBeLessThanOrEqual(8192);
        expect(kept).toEqual(lines.slice(lines.length - kept.length));
      }),
    );
  });

  it('cuts one endless line and keeps colour codes as text', () => {
    const ring = createLogRing({ now: () => 0, maxLineChars: 10 });
    ring.push('stderr', 'x'.repeat(1000));
    ring.push('stderr', '\u001b[31mred');
    expect(texts(ring.since(0, 10).lines)).toEqual(['xxxxxxxxxx… (1000 characters)', '\u001b[31mred']);
  });
});
