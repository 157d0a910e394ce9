// Collections for what comes and goes with every request. A Map or Set that is used so fills one hash table after the
// other, each discarded table keeps its successor and all entries of its time alive once the garbage collector has moved
// it to the old generation, and whole requests follow them there: measured, 7 KiB and 10 µs of collection per call.
// These clear the place of what is taken out and use it again.

/** What lies in Slots keeps its place itself. */
export interface Slotted {
  /** -1 while it is in no collection. */
  slot: number;
}

/** A set whose members know their place; order is of no meaning. */
export class Slots<T extends Slotted> implements Iterable<T> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param item in no other collection */
  add(item: T): void {
    const slot = this.#free.pop() ?? this.#items.length;
    this.#items[slot] = item;
    item.slot = slot;
    this.#size++;
  }

  /** @returns false if it was not here */
  delete(item: T): boolean {
    const { slot } = item;
    if (slot === -1 || this.#items[slot] !== item) return false;
    this.#items[slot] = undefined;
    this.#free.push(slot);
    item.slot = -1;
    this.#size--;
    return true;
  }

  at(slot: number): T | undefined {
    return this.#items[slot];
  }

  /** Members may be added and deleted meanwhile; an added one may be left out. */
  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }

  clear(): void {
    for (const item of this) this.delete(item);
  }
}

/** A map for a handful of entries, found by looking at each. */
export class SmallMap<K, V> {
  readonly #keys: K[] = [];
  readonly #values: V[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get(key: K): V | undefined {
    const at = this.#keys.indexOf(key);
    return at === -1 ? undefined : this.#values[at];
  }

  set(key: K, value: V): void {
    const at = this.#keys.indexOf(key);
    if (at !== -1) {
      this.#values[at] = value;
      return;
    }
    this.#keys.push(key);
    this.#values.push(value);
  }

  delete(key: K): boolean {
    const at = this.#keys.indexOf(key);
    if (at === -1) return false;
    // The last one takes the place.
    const lastKey = this.#keys.pop() as K;
    const lastValue = this.#values.pop() as V;
    if (at === this.#keys.length) return true;
    this.#keys[at] = lastKey;
    this.#values[at] = lastValue;
    return true;
  }

  /** A copy, so that entries may be deleted meanwhile. */
  values(): V[] {
    return [...this.#values];
  }
}
