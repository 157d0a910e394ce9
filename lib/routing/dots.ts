// Dot products of vectors of bytes, many at once: 16 bytes in each step of WebAssembly's vector instructions, some ten times
// as many as plain code does. The program is small enough to be written out below, by the names of its instructions
// (WebAssembly Core Specification 2.0, sections 5.4 and 5.5), so that nothing has to be compiled or shipped beside it.

/**
 * @param query bytes -127 to 127 at this address, `stride` of them
 * @param rows address of the numbers of the rows to take, four bytes each, at least one
 * @param end where these end
 * @param codes address of row 0; rows have `stride` bytes, a multiple of 16
 * @param out where the products go, four bytes each, one for each number at `rows`
 */
export type Dots = (query: number, rows: number, end: number, codes: number, stride: number, out: number) => void;

const i32 = 0x7f;
const v128 = 0x7b;
const [query, rows, end, codes, stride, out, row, at, last, sum, a, b] = Array.from(
  { length: 12 },
  (_, index) => index,
);

const get = (local = 0) => [0x20, local];
const set = (local = 0) => [0x21, local];
const constant = (value: number) => [0x41, value];
const add = [0x6a];
const multiply = [0x6c];
const isBelow = [0x49]; // unsigned, as addresses are
const loop = [0x03, 0x40];
const againIf = [0x0d, 0x00];
const endOf = [0x0b];
const load = [0x28, 2, 0];
const store = [0x36, 2, 0];
const load16 = [0xfd, 0x00, 0, 0];
const zeros = [0xfd, 0x0c, ...Array<number>(16).fill(0)];
const multiplyLow = [0xfd, 0x9c, 0x01]; // i16x8.extmul_low_i8x16_s
const multiplyHigh = [0xfd, 0x9d, 0x01];
const addShorts = [0xfd, 0x8e, 0x01]; // two products of 127 by 127 are just no overflow
const addPairs = [0xfd, 0x7e]; // i32x4.extadd_pairwise_i16x8_s
const addLongs = [0xfd, 0xae, 0x01];
const lane = (index: number) => [0xfd, 0x1b, index];
const advance = (local: number | undefined, bytes: number) => [
  ...get(local),
  ...constant(bytes),
  ...add,
  ...set(local),
];

const body = [
  ...[2, 3, i32, 3, v128],
  ...[...get(query), ...get(stride), ...add, ...set(last)],
  ...loop,
  ...[...get(codes), ...get(rows), ...load, ...get(stride), ...multiply, ...add, ...set(row)],
  ...[...get(query), ...set(at), ...zeros, ...set(sum)],
  ...loop,
  ...[...get(at), ...load16, ...set(a), ...get(row), ...load16, ...set(b)],
  ...[...get(a), ...get(b), ...multiplyLow, ...get(a), ...get(b), ...multiplyHigh, ...addShorts, ...addPairs],
  ...[...get(sum), ...addLongs, ...set(sum)],
  ...[...advance(row, 16), ...advance(at, 16), ...get(at), ...get(last), ...isBelow, ...againIf],
  ...endOf,
  ...get(out),
  ...[...get(sum), ...lane(0), ...get(sum), ...lane(1), ...add],
  ...[...get(sum), ...lane(2), ...add, ...get(sum), ...lane(3), ...add, ...store],
  ...[...advance(rows, 4), ...advance(out, 4), ...get(rows), ...get(end), ...isBelow, ...againIf],
  ...endOf,
  ...endOf,
];

const name = (text: string) => [text.length, ...Buffer.from(text)];
/** A length as LEB128 of two bytes. */
const sized = (bytes: number[]) => [(bytes.length & 0x7f) | 0x80, bytes.length >> 7, ...bytes];
const section = (id: number, bytes: number[]) => [id, ...sized(bytes)];

const program = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 6, ...Array<number>(6).fill(i32), 0]),
  ...section(2, [1, ...name('hub'), ...name('memory'), 2, 0, 1]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...name('dots'), 0, 0]),
  ...section(10, [1, ...sized(body)]),
]);

/** On this memory, which may grow. Plain code where the processor has no such instructions. */
export function dotsOn(memory: WebAssembly.Memory): Dots {
  if (!WebAssembly.validate(program)) return plainDotsOn(memory);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(program), { hub: { memory } });
  return exports.dots as Dots;
}

export function plainDotsOn(memory: WebAssembly.Memory): Dots {
  return (query, rows, end, codes, stride, out) => {
    const bytes = new Int8Array(memory.buffer);
    const longs = new Int32Array(memory.buffer);
    for (let at = 0; at < end - rows; at += 4) {
      const row = codes + (longs[(rows + at) >> 2] as number) * stride;
      let sum = 0;
      for (let place = 0; place < stride; place++) {
        sum += (bytes[query + place] as number) * (bytes[row + place] as number);
      }
      longs[(out + at) >> 2] = sum;
    }
  };
}
