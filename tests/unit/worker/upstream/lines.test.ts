import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineSplitter, type OverlongLine } from '../../../../worker/upstream/lines';

function split(chunks: Uint8Array[], maxBytes = 1_000_000): { lines: string[]; overlong: OverlongLine[] } {
  const lines: string[] = [];
  const overlong: OverlongLine[] = [];
  const splitter = createLineSplitter(
    maxBytes,
    (line) => lines.push(line.toString('utf8')),
    (line) => overlong.push(line),
  );
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return { lines, overlong };
}

/** Cuts bytes at the given places. */
function chop(bytes: Buffer, places: number[]): Buffer[] {
  const cuts = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

describe('the line splitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    const lineText = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll(/[\r\n]/g, ''));
    fc.assert(
      fc.property(fc.array(lineText, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 30 }), (lines, places) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        expect(split(chop(bytes, places)).lines).toEqual(lines);
      }),
    );
  });

  it('tells of each line over the limit once, and goes on with the next one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 101, max: 3000 }), fc.array(fc.nat(), { maxLength: 30 }), (length, places) => {
        const long = `{"id":"first"${'x'.repeat(length)}last}`;
        const { lines, overlong } = split(chop(Buffer.from(`before\n${long}\nafter\n`), places), 100);
        expect(lines).toEqual(['before', 'after']);
        expect(overlong.map(({ length: bytes }) => bytes)).toEqual([long.length]);
        expect(overlong[0]?.head.length).toBeLessThanOrEqual(512);
        expect(overlong[0]?.head.toString()).toMatch(/^\{"id":"first"/);
      }),
    );
  });

  it('takes CRLF and LF for ends of lines, and what is left at the end for a line', () => {
    expect(split([Buffer.from('a\r\nb\nc')]).lines).toEqual(['a', 'b', 'c']);
  });

  it('keeps the last bytes of a line that comes in many pieces', () => {
    const pieces = [...Array.from({ length: 50 }, () => Buffer.alloc(100, 'x')), Buffer.from('"id":"tail"}\n')];
    expect(split(pieces, 1000).overlong[0]?.tail.toString()).toMatch(/x{100}"id":"tail"\}$/);
  });
});
