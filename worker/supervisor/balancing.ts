// Which of several instances a call goes to. None of it allocates: it is on the path of each call.
import type { Balancing } from '../../lib/servers/schema';

export interface Candidate {
  /** Whether a call may go to it now; what may not is never chosen. */
  readonly usable: boolean;
  /** Calls under way. */
  readonly load: number;
  /** 1 or more; a share, compared with those of the others. */
  readonly weight: number;
  /** What hashing by key knows it by: the same after each restart. */
  readonly seed: number;
  /** Working value of the smooth weighted round robin. */
  credit: number;
}

export interface Balancer {
  /** The place of the next one, or -1 if none is usable. */
  next(candidates: readonly Candidate[]): number;
}

function roundRobin(): Balancer {
  let last = -1;
  return {
    next(candidates) {
      const count = candidates.length;
      for (let step = 1; step <= count; step++) {
        const at = (last + step) % count;
        if (candidates[at]?.usable) {
          last = at;
          return at;
        }
      }
      return -1;
    },
  };
}

/** The fewest calls under way for its weight; of equals the one whose turn it is. */
function leastConnections(): Balancer {
  let last = -1;
  return {
    next(candidates) {
      const count = candidates.length;
      let best = -1;
      let least = Number.POSITIVE_INFINITY;
      for (let step = 1; step <= count; step++) {
        const at = (last + step) % count;
        const candidate = candidates[at];
        if (!candidate?.usable) continue;
        const load = (candidate.load + 1) / candidate.weight;
        if (load >= least) continue;
        least = load;
        best = at;
      }
      if (best !== -1) last = best;
      return best;
    },
  };
}

/** Smooth weighted round robin: in each round everyone gains its weight, and the richest pays the round. */
function weighted(): Balancer {
  return {
    next(candidates) {
      let best = -1;
      let most = Number.NEGATIVE_INFINITY;
      let total = 0;
      for (let at = 0; at < candidates.length; at++) {
        const candidate = candidates[at];
        if (!candidate?.usable) continue;
        candidate.credit += candidate.weight;
        total += candidate.weight;
        if (candidate.credit <= most) continue;
        most = candidate.credit;
        best = at;
      }
      const chosen = candidates[best];
      if (chosen) chosen.credit -= total;
      return best;
    },
  };
}

export const balancers: Record<Balancing, () => Balancer> = {
  'round-robin': roundRobin,
  'least-connections': leastConnections,
  weighted,
};

/**
 * Rendezvous hashing: the same key finds the same candidate as long as that one is usable, and when one goes away only
 * its own keys move. By weight, as -weight / ln(hash).
 * @returns its place, or -1 if none is usable
 */
export function placeOf(key: string, candidates: readonly Candidate[]): number {
  const hash = hashOf(key);
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at];
    if (!candidate?.usable) continue;
    const score = -candidate.weight / Math.log((mix(hash ^ candidate.seed) + 0.5) / 2 ** 32);
    if (score <= highest) continue;
    highest = score;
    best = at;
  }
  return best;
}

/** FNV-1a over the characters, mixed. @returns 32 bits without a sign */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/** The finaliser of MurmurHash3: each bit of the input moves half of the output. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
