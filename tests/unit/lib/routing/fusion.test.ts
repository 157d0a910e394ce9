import { describe, expect, it } from 'vitest';
import { type IndexedTool, ToolIndex } from '../../../../lib/routing';
import { fuse } from '../../../../lib/routing/fusion';

const dimension = 48;
const count = 200;

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function unit(values: ArrayLike<number>): Float32Array {
  const length = Math.hypot(...Array.from(values));
  return Float32Array.from(Array.from(values), (value) => value / length);
}

const direction = (seed: number) => {
  const random = randomOf(seed);
  return unit(Float64Array.from({ length: dimension }, () => random() + random() + random() - 1.5));
};
const mixed = (a: Float32Array, b: Float32Array, share: number) =>
  unit(a.map((value, at) => value + share * (b[at] as number)));

const words = ['alpha', 'beta', 'gamma', 'delta', 'omega', 'kappa', 'sigma', 'lambda'];
const tools = Array.from({ length: count }, (_, at): IndexedTool => {
  const some = [words[at % 8], words[(at * 3 + 1) % 8], words[(at * 5 + 2) % 8]].join(' ');
  return { server: `s${at % 20}`, name: `tool_${at}`, description: `Handles ${some} of number${at}`, parameters: [] };
});

function indexWith(vectorOf: (slot: number) => Float32Array): ToolIndex {
  const index = new ToolIndex();
  tools.forEach((tool, slot) => {
    index.put(slot, tool);
    index.putVector(slot, vectorOf(slot));
  });
  return index;
}

const index = indexWith(direction);
const slots = (text: string, vector?: Float32Array, allowed?: Uint8Array, of = index) =>
  of.search(text, { limit: 10, ...(vector && { vector }), ...(allowed && { allowed }) }).map(({ slot }) => slot);

describe('words and vectors together', () => {
  it('rank as words alone where vectors are noise, nearly always', () => {
    const trials = Array.from({ length: 300 }, (_, at) => {
      const text = `${words[at % 8]} ${words[(at * 3 + 1) % 8]}`;
      return slots(text).join() === slots(text, direction(10_000 + at)).join();
    });
    expect(trials.filter(Boolean).length).toBeGreaterThan(260);
  });

  it('bring up what vectors hold near, where they also hold what words found', () => {
    const text = 'alpha beta number7';
    const first = slots(text);
    const wanted = first[4] as number;
    // Of two tools that words found: they agree, and the second is what is meant.
    const vector = mixed(direction(wanted), direction(first[0] as number), 0.4);
    expect(slots(text, vector).indexOf(wanted)).toBeLessThan(4);
  });

  it('put what is named first, whatever vectors say', () => {
    expect(slots('alpha tool_33', mixed(direction(8), direction(16), 0.5))[0]).toBe(33);
  });

  it('show for unknown words what stands out, and nothing where nothing does', () => {
    const near = mixed(direction(42), direction(5_000), 0.3);
    expect(slots('regenschirm', near)).toEqual([42]);
    // A piece of a word is only a guess.
    expect(slots('zahlnumber', near)[0]).toBe(42);
    expect(slots('alphabet')[0]).not.toBe(42);
    expect(slots('alphabet', near)[0]).toBe(42);
    const shown = Array.from({ length: 100 }, (_, at) => slots('regenschirm', direction(20_000 + at)).length);
    expect(shown.filter((each) => each > 0).length).toBeLessThan(3);
  });

  it('never find what may not be found, nor let it have a part in the ranking', () => {
    const allowed = new Uint8Array(count / 8).fill(0xff);
    allowed[42 >> 3] = 0xff & ~(1 << (42 & 7));
    const near = mixed(direction(42), direction(50), 0.8);
    const other = indexWith((slot) => (slot === 42 ? direction(777) : direction(slot)));
    expect(slots('regenschirm', near, allowed)).not.toContain(42);
    for (const text of ['alpha beta', 'gamma number42', 'regenschirm']) {
      expect(slots(text, near, allowed, other)).toEqual(slots(text, near, allowed));
    }
  });

  it('leave vectors of another length, and of tools that changed, aside', () => {
    const changed = indexWith(direction);
    changed.put(42, { ...(tools[42] as IndexedTool), description: 'Something else' });
    expect(slots('regenschirm', direction(42), undefined, changed)).toEqual([]);
    expect(index.rank('alpha', { limit: 5, vector: unit([1, 2, 3]) }).byVectors).toBe(false);
    expect(index.rank('alpha', { limit: 5, vector: direction(1) }).byVectors).toBe(true);
  });
});

describe('vectors beside words that found ten tools', () => {
  /** Of 200 tools words found the first ten; the nearness of these in standard deviations, roughly, and of the best. */
  function gained(ofFirst: (slot: number) => number, isOfSeveral = false): number {
    const scores = Float64Array.from({ length: 200 }, (_, slot) => (slot < 10 ? 1 - slot / 20 : 0.1));
    const random = randomOf(7);
    const nearness = Float32Array.from({ length: 200 }, (_, slot) =>
      slot < 10 ? ofFirst(slot) / 100 : (random() + random() + random() + random() - 2) / 58,
    );
    nearness[150] = 0.05;
    const before = scores[150] as number;
    fuse(scores, nearness, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], isOfSeveral);
    return (scores[150] as number) - before;
  }

  it('count where these are near, less where one vector stands for several wishes', () => {
    const two = (slot: number) => (slot < 2 ? 4 : 0.5);
    const [one, several] = [gained(two), gained(two, true)];
    expect(several).toBeGreaterThan(0.1);
    expect(one).toBeGreaterThan(several * 1.2);
  });

  it('count nothing where one of these is near by accident and the others are far', () => {
    expect(gained((slot) => (slot === 9 ? 5 : -1.5))).toBe(0);
  });

  it('count nothing where none of these is near, or none has a vector', () => {
    expect(gained(() => 0.5)).toBe(0);
    expect(gained(() => Number.NaN)).toBe(0);
  });

  it('count although some of these have no vector', () => {
    expect(gained((slot) => (slot % 2 ? Number.NaN : 4))).toBeGreaterThan(0.1);
  });
});
