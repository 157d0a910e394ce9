// Where a term occurs: slots of tools with the weight that the term has in each. Flat arrays, so that thousands of tools
// cost little memory and a look through them little time.

export class Postings {
  slots = new Uint32Array(2);
  weights = new Float32Array(2);
  length = 0;

  add(slot: number, weight: number): void {
    if (this.length === this.slots.length) {
      const [slots, weights] = [new Uint32Array(this.length * 2), new Float32Array(this.length * 2)];
      slots.set(this.slots);
      weights.set(this.weights);
      this.slots = slots;
      this.weights = weights;
    }
    this.slots[this.length] = slot;
    this.weights[this.length] = weight;
    this.length++;
  }

  remove(slot: number): void {
    const at = this.slots.subarray(0, this.length).indexOf(slot);
    if (at < 0) return;
    this.length--;
    this.slots[at] = this.slots[this.length] as number;
    this.weights[at] = this.weights[this.length] as number;
  }
}

/** Postings by term; a term that is nowhere any more is forgotten. */
export class PostingsByTerm {
  readonly #byTerm = new Map<string, Postings>();

  get(term: string): Postings | undefined {
    return this.#byTerm.get(term);
  }

  add(term: string, slot: number, weight: number): void {
    let postings = this.#byTerm.get(term);
    if (!postings) {
      postings = new Postings();
      this.#byTerm.set(term, postings);
    }
    postings.add(slot, weight);
  }

  remove(term: string, slot: number): void {
    const postings = this.#byTerm.get(term);
    postings?.remove(slot);
    if (postings?.length === 0) this.#byTerm.delete(term);
  }
}
