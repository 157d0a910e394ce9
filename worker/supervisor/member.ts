// The places of a pool: what each shall hold by the server's row, and what it holds.
import type { Upstream } from '../upstream';
import type { Candidate } from './balancing';
import type { Circuit } from './circuit';
import type { Instance, Target } from './instance';

/** One place in the pool: the instance in it, and the one that shall come into it. */
export class Member implements Candidate {
  next: Instance | null = null;
  credit = 0;
  weight = 1;
  seed = 0;
  url: string | null = null;

  constructor(
    readonly ordinal: number,
    public instance: Instance,
    public circuit: Circuit,
  ) {}

  get upstream(): Upstream | null {
    return this.instance.upstream;
  }

  get usable(): boolean {
    return this.instance.upstream !== null && this.circuit.admits();
  }

  get load(): number {
    return this.instance.upstream?.inflight ?? 0;
  }
}

/** What shall be in a place. */
export interface Plan {
  target: Target;
  weight: number;
  /** Where it is, if the instances are in different places. */
  url: string | null;
}

/** One entry for each place. */
export function planOf(desired: Target): Plan[] {
  if (desired.type === 'stdio') {
    return Array.from({ length: desired.replicas }, () => ({ target: desired, weight: 1, url: null }));
  }
  if (desired.endpoints.length === 0) return [{ target: desired, weight: 1, url: null }];
  return desired.endpoints.map(({ url, weight }) => ({
    target: { ...desired, url, hash: `${desired.hash} ${url}` },
    weight,
    url,
  }));
}
