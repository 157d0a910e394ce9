// Finds the bytes of `result` or `error` in an answer without parsing its envelope. The two envelopes that nearly all
// servers write are known by their exact bytes; all others are parsed as a whole. A slice is only used once it parsed
// as one JSON value by itself, so nothing that a server adds to an envelope can get into a relayed message.

export interface Slice {
  id: string;
  kind: 'result' | 'error';
  start: number;
  end: number;
}

const idFirst = Buffer.from('{"jsonrpc":"2.0","id":"');
const resultFirst = Buffer.from('{"result":');
const errorFirst = Buffer.from('{"error":');
const resultAfterId = Buffer.from('","result":');
const errorAfterId = Buffer.from('","error":');
const idLast = Buffer.from(',"jsonrpc":"2.0","id":"');
const quote = 0x22;
const closingBrace = 0x7d;
/** Our ids are shorter; a longer one is nobody's. */
const maxIdBytes = 64;

function startsWith(bytes: Buffer, prefix: Buffer, at = 0): boolean {
  if (bytes.length < at + prefix.length) return false;
  for (let index = 0; index < prefix.length; index += 1) {
    if (bytes[at + index] !== prefix[index]) return false;
  }
  return true;
}

/** Where the value of an answer lies, if the envelope is `{"jsonrpc","id","result"}` or `{"result","jsonrpc","id"}`. */
export function sliceAnswer(bytes: Buffer): Slice | null {
  if (bytes[bytes.length - 1] !== closingBrace) return null;
  return sliceIdFirst(bytes) ?? sliceIdLast(bytes);
}

function sliceIdFirst(bytes: Buffer): Slice | null {
  if (!startsWith(bytes, idFirst)) return null;
  const idEnd = bytes.indexOf(quote, idFirst.length);
  if (idEnd === -1 || idEnd - idFirst.length > maxIdBytes) return null;
  const isResult = startsWith(bytes, resultAfterId, idEnd);
  if (!isResult && !startsWith(bytes, errorAfterId, idEnd)) return null;
  return {
    id: bytes.toString('latin1', idFirst.length, idEnd),
    kind: isResult ? 'result' : 'error',
    start: idEnd + (isResult ? resultAfterId.length : errorAfterId.length),
    end: bytes.length - 1,
  };
}

function sliceIdLast(bytes: Buffer): Slice | null {
  const isResult = startsWith(bytes, resultFirst);
  if (!isResult && !startsWith(bytes, errorFirst)) return null;
  const idEnd = bytes.length - 2;
  if (bytes[idEnd] !== quote) return null;
  const idStart = bytes.lastIndexOf(quote, idEnd - 1) + 1;
  if (idStart === 0 || idEnd - idStart > maxIdBytes) return null;
  const start = isResult ? resultFirst.length : errorFirst.length;
  const end = idStart - idLast.length;
  if (end < start || !startsWith(bytes, idLast, end)) return null;
  return { id: bytes.toString('latin1', idStart, idEnd), kind: isResult ? 'result' : 'error', start, end };
}
