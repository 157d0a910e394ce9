// The vectors of tools, a byte for each number, and how near each is to that of a request. All that may be found are
// compared, none is guessed: a byte for each number is wrong by some .0003 of a cosine, a hundredth of what tells tools apart.
import { type Dots, dotsOn } from './dots';

/** Of WebAssembly's memory. */
const pageBytes = 65_536;
/** The first page holds the request and the rows under way, the others hold the vectors. */
const rowsAt = 32_768;
const outAt = 49_152;
const atOnce = (outAt - rowsAt) / 4;
/** What an Int8 takes on both sides of 0. */
const codeMax = 127;
/** A little more than is needed, so that not each tool asks for memory. */
const growth = 1.1;

export class Nearness {
  readonly #memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  readonly #dots: Dots;
  /** What a byte of each row stands for; 0 where there is no vector. */
  #scales = new Float32Array(0);
  #length = 0;
  #count = 0;

  /** @param makeDots for tests */
  constructor(makeDots: (memory: WebAssembly.Memory) => Dots = dotsOn) {
    this.#dots = makeDots(this.#memory);
  }

  /** Bytes that the vectors take. */
  get bytes(): number {
    return this.#memory.buffer.byteLength + this.#scales.byteLength;
  }

  /** @param vector of length 1. Of another number of numbers than those before, it is of another model: they go. */
  put(slot: number, vector: Float32Array): void {
    if (vector.length > rowsAt) throw new RangeError(`A vector of ${vector.length} numbers is too long.`);
    if (vector.length !== this.#length) {
      this.#scales.fill(0);
      this.#count = 0;
      this.#length = vector.length;
    }
    this.#reserve(slot + 1);
    if (this.#scales[slot] === 0) this.#count++;
    this.#scales[slot] = this.#encode(pageBytes + slot * this.#stride, vector);
  }

  remove(slot: number): void {
    if (!this.#scales[slot]) return;
    this.#scales[slot] = 0;
    this.#count--;
  }

  /**
   * Cosines by slot, NaN where there is none; null where no slot that may be found has a vector of that length.
   * @param slots how many there are
   */
  to(vector: Float32Array, slots: number, mayFind: (slot: number) => boolean): Float32Array | null {
    if (vector.length !== this.#length || this.#count === 0) return null;
    const scale = this.#encode(0, vector);
    const cosines = new Float32Array(slots).fill(Number.NaN);
    const rows = new Int32Array(this.#memory.buffer, rowsAt, atOnce);
    const products = new Int32Array(this.#memory.buffer, outAt, atOnce);
    let isAny = false;
    for (let slot = 0; slot < slots; ) {
      let taken = 0;
      for (; slot < slots && taken < atOnce; slot++) if (this.#scales[slot] && mayFind(slot)) rows[taken++] = slot;
      if (taken === 0) continue;
      isAny = true;
      this.#dots(0, rowsAt, rowsAt + taken * 4, pageBytes, this.#stride, outAt);
      for (let at = 0; at < taken; at++) {
        const row = rows[at] as number;
        cosines[row] = (products[at] as number) * scale * (this.#scales[row] as number);
      }
    }
    return isAny ? cosines : null;
  }

  get #stride(): number {
    return Math.ceil(this.#length / 16) * 16;
  }

  #reserve(slots: number): void {
    const missing = pageBytes + slots * this.#stride - this.#memory.buffer.byteLength;
    if (missing > 0) {
      const wanted = Math.ceil((slots * growth * this.#stride) / pageBytes) + 1;
      this.#memory.grow(Math.max(1, wanted - this.#memory.buffer.byteLength / pageBytes));
    }
    if (slots <= this.#scales.length) return;
    const scales = new Float32Array(Math.ceil(slots * growth));
    scales.set(this.#scales);
    this.#scales = scales;
  }

  /** @returns what a byte stands for, never 0 */
  #encode(address: number, vector: Float32Array): number {
    const codes = new Int8Array(this.#memory.buffer, address, this.#stride);
    let most = 0;
    for (const value of vector) if (Math.abs(value) > most) most = Math.abs(value);
    const scale = most / codeMax || 1;
    for (let at = 0; at < vector.length; at++) codes[at] = Math.round((vector[at] as number) / scale);
    codes.fill(0, vector.length);
    return scale;
  }
}
