import { describe, expect, it } from 'vitest';
import { balancings } from '../../../../lib/servers/schema';
import { balancers, type Candidate, hashOf, placeOf } from '../../../../worker/supervisor/balancing';

type Made = { -readonly [field in keyof Candidate]: Candidate[field] };

function make(weights: number[], loads: number[] = []): Made[] {
  return weights.map((weight, at) => ({
    usable: true,
    load: loads[at] ?? 0,
    weight,
    seed: hashOf(`${at}`),
    credit: 0,
  }));
}

function choose(policy: (typeof balancings)[number], candidates: Made[], times: number): number[] {
  const balancer = balancers[policy]();
  return Array.from({ length: times }, () => balancer.next(candidates));
}

const countsOf = (places: number[], of: number) =>
  Array.from({ length: of }, (_, place) => places.filter((each) => each === place).length);

describe('balancing', () => {
  for (const policy of balancings) {
    it(`${policy}: never chooses what is not usable, and says so if nothing is`, () => {
      const candidates = make([1, 1, 1]);
      (candidates[1] as Made).usable = false;
      expect(new Set(choose(policy, candidates, 30))).toEqual(new Set([0, 2]));
      for (const each of candidates) each.usable = false;
      expect(choose(policy, candidates, 1)).toEqual([-1]);
      expect(choose(policy, [], 1)).toEqual([-1]);
    });
  }

  it('round-robin: one after the other', () => {
    expect(choose('round-robin', make([1, 1, 1]), 5)).toEqual([0, 1, 2, 0, 1]);
  });

  it('least-connections: the fewest calls for its weight, of equals in turn', () => {
    expect(choose('least-connections', make([1, 1, 1], [3, 1, 2]), 2)).toEqual([1, 1]);
    expect(choose('least-connections', make([1, 1]), 4)).toEqual([0, 1, 0, 1]);
    expect(choose('least-connections', make([1, 10], [1, 5]), 1)).toEqual([1]);
  });

  it('weighted: in proportion, and well mixed', () => {
    const places = choose('weighted', make([5, 1, 1]), 7);
    expect(places).toEqual([0, 0, 1, 0, 2, 0, 0]);
    expect(countsOf(choose('weighted', make([3, 2, 1]), 600), 3)).toEqual([300, 200, 100]);
  });
});

describe('rendezvous hashing', () => {
  const keys = Array.from({ length: 20_000 }, (_, at) => `session-${at}`);

  it('spreads keys evenly, by weight', () => {
    const even = countsOf(
      keys.map((key) => placeOf(key, make([1, 1, 1, 1]))),
      4,
    );
    // 5000 each; the standard deviation is 61.
    for (const count of even) expect(Math.abs(count - 5000)).toBeLessThan(5 * 61);
    const shares = countsOf(
      keys.map((key) => placeOf(key, make([1, 3]))),
      2,
    );
    expect(Math.abs((shares[0] as number) - 5000)).toBeLessThan(5 * 61);
  });

  it('moves only the keys of the one that goes, and they come back with it', () => {
    const candidates = make([1, 1, 1]);
    const before = keys.map((key) => placeOf(key, candidates));
    (candidates[1] as Made).usable = false;
    const during = keys.map((key) => placeOf(key, candidates));
    for (const [at, place] of before.entries()) {
      if (place === 1) expect(during[at]).not.toBe(1);
      else expect(during[at]).toBe(place);
    }
    const moved = countsOf(
      during.filter((_, at) => before[at] === 1),
      3,
    );
    expect(Math.abs((moved[0] as number) - (moved[2] as number))).toBeLessThan(5 * 82);
    (candidates[1] as Made).usable = true;
    expect(keys.map((key) => placeOf(key, candidates))).toEqual(before);
  });

  it('finds nothing where nothing is usable', () => {
    expect(placeOf('key', [])).toBe(-1);
  });
});
