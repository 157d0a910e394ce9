// Cuts a byte stream into lines. Memory is bounded: of a line over the limit only its two ends are kept.

export interface OverlongLine {
  /** The first bytes of the line. */
  head: Buffer;
  /** Its last bytes. */
  tail: Buffer;
  /** All of its bytes, without the end. */
  length: number;
}

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Hands over what came after the last line end, if anything. */
  end(): void;
}

const lineFeed = 10;
const carriageReturn = 13;
const keptBytes = 512;

/**
 * @param maxBytes longest line that is passed to `line`; longer ones go to `overlong` once they have ended
 * @param line receives each line without its end (LF or CRLF); a view into the chunk where that is possible
 */
export function createLineSplitter(
  maxBytes: number,
  line: (bytes: Buffer) => void,
  overlong: (line: OverlongLine) => void,
): LineSplitter {
  let parts: Buffer[] = [];
  let partsLength = 0;
  let cut: OverlongLine | null = null;

  function emit(bytes: Buffer): void {
    const end = bytes.length > 0 && bytes[bytes.length - 1] === carriageReturn ? bytes.length - 1 : bytes.length;
    line(end === bytes.length ? bytes : bytes.subarray(0, end));
  }

  function shorten(rest: Buffer): void {
    if (!cut) {
      const head = Buffer.from(Buffer.concat([...parts, rest.subarray(0, keptBytes)]).subarray(0, keptBytes));
      const lastParts = Buffer.concat([
        ...parts.slice(-1).map((part) => part.subarray(-keptBytes)),
        rest.subarray(-keptBytes),
      ]);
      cut = { head, tail: Buffer.from(lastParts.subarray(-keptBytes)), length: partsLength + rest.length };
      parts = [];
      partsLength = 0;
      return;
    }
    cut.tail = Buffer.from(Buffer.concat([cut.tail, rest.subarray(-keptBytes)]).subarray(-keptBytes));
    cut.length += rest.length;
  }

  function finish(rest: Buffer): void {
    if (cut || partsLength + rest.length > maxBytes) {
      shorten(rest);
      const done = cut as unknown as OverlongLine;
      cut = null;
      overlong(done);
      return;
    }
    if (partsLength === 0) {
      emit(rest);
      return;
    }
    const whole = Buffer.concat([...parts, rest], partsLength + rest.length);
    parts = [];
    partsLength = 0;
    emit(whole);
  }

  return {
    push(chunk) {
      let start = 0;
      for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, start)) {
        finish(chunk.subarray(start, at));
        start = at + 1;
      }
      if (start === chunk.length) return;
      const rest = start === 0 ? chunk : chunk.subarray(start);
      if (cut || partsLength + rest.length > maxBytes) return shorten(rest);
      parts.push(rest);
      partsLength += rest.length;
    },
    end() {
      if (cut || partsLength > 0) finish(Buffer.alloc(0));
    },
  };
}
