// Joins what words say of tools with what vectors say. How far vectors are believed is measured for each request by
// itself: by how much nearer than chance they hold one of the tools that its words found first. Vectors that are noise,
// mixed up or of another model do not pass that, and then words alone decide.

/** The first that words found; of the best of them the nearness is measured, in standard deviations above the mean. */
export const fusionLooksAt = 10;
/** Up to here it may be chance, and from there on it is none: of ten tools one is 2.5 above the mean in 6 of 100 cases. */
const chance = 2.5;
const certain = 4;
/** What vectors may count at most. More would gain with good ones, and lose .01 NDCG@10 with those that only count words. */
const shareMax = 0.25;
/** What stands out less says nothing of a tool. */
const noticeable = 2;

/**
 * @param words scores from 0 to 1, 0 where no word fits; changed in place
 * @param nearness cosines; NaN for tools that may not be found or have no vector
 * @param first slots by `words`, the best first, `fusionLooksAt` of them
 */
export function fuse(words: Float64Array, nearness: Float32Array, first: readonly number[]): void {
  const spread = spreadOf(nearness);
  if (!spread) return;
  const { mean, deviation, most } = spread;
  const above = (slot: number) => ((nearness[slot] as number) - mean) / deviation;
  if (first.length === 0) {
    // No word is known. What stands out of everything as chance never does is worth showing.
    for (let slot = 0; slot < words.length; slot++) {
      if (above(slot) >= certain) words[slot] = above(slot) / most;
    }
    return;
  }
  let best = 0;
  for (const slot of first) if (above(slot) > best) best = above(slot);
  const share = shareMax * Math.min(1, Math.max(0, (best - chance) / (certain - chance)));
  if (share === 0) return;
  for (let slot = 0; slot < words.length; slot++) {
    const fit = (above(slot) - noticeable) / (most - noticeable);
    words[slot] = (1 - share) * (words[slot] as number) + (fit > 0 ? share * fit : 0);
  }
}

/** Of what is a number; null where nothing differs. `most` is the highest, in standard deviations above the mean. */
function spreadOf(values: Float32Array): { mean: number; deviation: number; most: number } | null {
  let count = 0;
  let sum = 0;
  let squares = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
    squares += value * value;
    if (value > most) most = value;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(squares / count - mean * mean);
  return deviation > 1e-6 ? { mean, deviation, most: (most - mean) / deviation } : null;
}
