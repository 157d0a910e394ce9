// How near vectors are, a byte for each number: by vector instructions and by plain code, against the exact cosines.
import { describe, expect, it } from 'vitest';
import { dotsOn, plainDotsOn } from '../../../../lib/routing/dots';
import { Nearness } from '../../../../lib/routing/nearness';

/** Always the same ones. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function unit(length: number, seed: number): Float32Array {
  const next = random(seed);
  const raw = Float32Array.from({ length }, next);
  const size = Math.hypot(...raw);
  return raw.map((value) => value / size);
}

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);
const all = () => true;

describe.each([
  ['vector instructions', undefined],
  ['plain code', plainDotsOn],
])('nearness by %s', (_, makeDots) => {
  it.each([3, 16, 97, 384, 1536, 16_384])('is the cosine, of vectors of %i numbers', (length) => {
    // More than are compared at once, where they are short.
    const count = length < 100 ? 9_000 : 40;
    const nearness = new Nearness(makeDots);
    for (let slot = 0; slot < count; slot++) if (slot % 7 !== 0) nearness.put(slot, unit(length, slot));
    const request = unit(length, 77_777);
    const found = nearness.to(request, count, (slot) => slot % 5 !== 0) as Float32Array;
    expect(found).toHaveLength(count);
    let worst = 0;
    for (let slot = 0; slot < count; slot += count > 1000 ? 11 : 1) {
      if (slot % 5 === 0 || slot % 7 === 0) expect(found[slot]).toBeNaN();
      else worst = Math.max(worst, Math.abs((found[slot] as number) - cosine(request, unit(length, slot))));
    }
    expect(worst).toBeLessThan(0.008);
    // The largest product of all.
    nearness.put(
      1,
      Float32Array.from({ length }, () => -1 / Math.sqrt(length)),
    );
    expect(
      nearness.to(
        Float32Array.from({ length }, () => 1 / Math.sqrt(length)),
        2,
        all,
      )?.[1],
    ).toBeCloseTo(-1, 5);
  });

  it('forgets what is removed, takes what is put again, and drops vectors of another length', () => {
    const nearness = new Nearness(makeDots);
    const [first, second] = [unit(64, 1), unit(64, 2)];
    expect(nearness.to(first, 0, all)).toBeNull();
    nearness.put(0, first);
    nearness.put(5, second);
    nearness.remove(5);
    nearness.remove(5);
    nearness.remove(500);
    expect(nearness.to(second, 6, all)?.[5]).toBeNaN();
    nearness.put(0, second);
    expect(nearness.to(second, 6, all)?.[0]).toBeCloseTo(1, 2);
    expect(nearness.to(second, 6, (slot) => slot !== 0)).toBeNull();
    nearness.put(2, unit(48, 3));
    expect(nearness.to(second, 6, all)).toBeNull();
    expect([...(nearness.to(unit(48, 3), 6, all) ?? [])].map(Number.isNaN)).toEqual([
      true,
      true,
      false,
      true,
      true,
      true,
    ]);
    nearness.remove(2);
    expect(nearness.to(unit(48, 3), 6, all)).toBeNull();
    expect(() => nearness.put(0, new Float32Array(40_000).fill(0.005))).toThrow(RangeError);
  });
});

it('uses the vector instructions of a processor that has them', () => {
  expect(String(dotsOn(new WebAssembly.Memory({ initial: 1 })))).toContain('[native code]');
});

it('takes a byte for each number, and no more than a tenth beside', () => {
  const nearness = new Nearness();
  const vector = unit(1536, 1);
  for (let slot = 0; slot < 2_000; slot++) nearness.put(slot, vector);
  expect(nearness.bytes).toBeLessThan(2_000 * 1_540 * 1.1 + 3 * 65_536);
});

it('finds the nearest fifty as exact cosines do', () => {
  const vectors = Array.from({ length: 3_000 }, (_, slot) => unit(128, slot));
  const nearness = new Nearness();
  for (const [slot, vector] of vectors.entries()) nearness.put(slot, vector);
  const nearest = (cosines: ArrayLike<number>) =>
    [...Array.from(cosines).keys()].sort((a, b) => (cosines[b] as number) - (cosines[a] as number)).slice(0, 50);
  let shared = 0;
  for (let at = 0; at < 10; at++) {
    const request = unit(128, 100_000 + at);
    const exact = new Set(nearest(vectors.map((vector) => cosine(vector, request))));
    shared += nearest(nearness.to(request, 3_000, all) as Float32Array).filter((slot) => exact.has(slot)).length;
  }
  expect(shared / 500).toBeGreaterThan(0.97);
});
