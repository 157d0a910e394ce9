// Joins what words say of tools with what vectors say. How far vectors are believed is measured for each request by
// itself: by how much nearer than chance they hold one of the tools that its words found first. Vectors that are noise,
// mixed up or of another model do not pass that, and then words alone decide.

/** The first that words found; of the best of them the nearness is measured, in standard deviations above the mean. */
export const fusionLooksAt = 10;
/** Up to here it may be chance, and from there on it hardly is: of ten tools one is 2.5 above the mean in 6 of 100 cases. */
const chance = 2.5;
const certain = 4;
/**
 * All of them together have to be near too: the sum of what they are above the mean, by how much words found them, in its
 * own standard deviations. One tool that is near by accident is no agreement.
 */
const noAgreement = 0.5;
const agreement = 2;
/** So far above the mean is no tool by chance: of n the highest is some √(2 ln n) above it. */
const standsOut = (count: number) => Math.max(4, Math.sqrt(2 * Math.log(count)) + 1);
/** What is left of guesses at slips of the pen where vectors know a tool. */
const guessShare = 0.5;
/**
 * What vectors may count at most. More would gain with good ones, and lose more than .01 NDCG@10 with those that only
 * count words (`npm run bench:routing`). One vector of a request for several things lies between them, near to none.
 */
const shareMax = 0.35;
const shareMaxOfSeveral = 0.25;
/** What stands out less says nothing of a tool. */
const noticeable = 1.5;
/** And what stands out by this, in a small view for instance, is not yet all that vectors can say. */
const distinct = 3.5;

/**
 * @param words scores from 0 to 1, 0 where no word fits; changed in place
 * @param nearness cosines; NaN for tools that may not be found or have no vector
 * @param first slots of tools that have words of the request, the best first, `fusionLooksAt` of them
 * @param isOfSeveral whether the request asks for several things
 */
export function fuse(words: Float64Array, nearness: Float32Array, first: readonly number[], isOfSeveral = false): void {
  const spread = spreadOf(nearness);
  if (!spread) return;
  const { count, mean, deviation, most: highest } = spread;
  const above = (slot: number) => ((nearness[slot] as number) - mean) / deviation;
  if (first.length === 0) {
    // No word is known. What stands out of everything as chance never does is worth showing.
    const least = standsOut(count);
    if (highest < least) return;
    for (let slot = 0; slot < words.length; slot++) {
      words[slot] = above(slot) >= least ? above(slot) / highest : guessShare * (words[slot] as number);
    }
    return;
  }
  const most = isOfSeveral ? shareMaxOfSeveral : shareMax;
  const share = most * trustIn(first.map((slot) => ({ fit: words[slot] as number, above: above(slot) })));
  if (share === 0) return;
  const span = Math.max(highest, distinct) - noticeable;
  for (let slot = 0; slot < words.length; slot++) {
    const fit = (above(slot) - noticeable) / span;
    words[slot] = (1 - share) * (words[slot] as number) + (fit > 0 ? share * fit : 0);
  }
}

/** How far vectors are believed, 0 to 1, by where they hold the tools that words found first. */
function trustIn(first: readonly { fit: number; above: number }[]): number {
  let [best, sum, squares] = [0, 0, 0];
  for (const { fit, above } of first) {
    if (Number.isNaN(above)) continue;
    best = Math.max(best, above);
    sum += fit * above;
    squares += fit * fit;
  }
  if (squares === 0) return 0;
  return between(chance, certain, best) * between(noAgreement, agreement, sum / Math.sqrt(squares));
}

/** 0 up to `from`, 1 from `to` on. */
function between(from: number, to: number, value: number): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)));
}

/** Of what is a number; null where nothing differs. `most` is the highest, in standard deviations above the mean. */
function spreadOf(values: Float32Array): { count: number; mean: number; deviation: number; most: number } | null {
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
  return deviation > 1e-6 ? { count, mean, deviation, most: (most - mean) / deviation } : null;
}
