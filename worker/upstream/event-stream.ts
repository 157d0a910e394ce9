// Decoder of text/event-stream (HTML standard, server-sent events) on bytes: data is handed on without being made a
// string, and an event over the limit is skipped.
import { createLineSplitter, type LineSplitter } from './lines';

export interface StreamEvent {
  /** "message" where the stream names none. */
  event: string;
  data: Buffer;
}

export interface EventStreamReader {
  event(event: StreamEvent): void;
  /** The event is over the limit. Its data is dropped. */
  overlong(head: Buffer, tail: Buffer, length: number): void;
  /** The stream's last event id changed. */
  id?(id: string): void;
  /** The server's wish for the delay before a reconnect, in milliseconds. */
  retry?(ms: number): void;
}

const colon = 0x3a;
const space = 0x20;
const lineFeed = Buffer.from('\n');
const empty = Buffer.alloc(0);
/** So many lines of one event are joined: each of them costs far more memory than the byte that it may have. */
const joinedParts = 2048;

export function createEventStream(maxBytes: number, reader: EventStreamReader): LineSplitter {
  let event = '';
  let parts: Buffer[] = [];
  let joined: Buffer[] = [];
  let length = 0;

  function dispatch(): void {
    if (parts.length > 0) {
      const data =
        joined.length === 0 && parts.length === 1 && parts[0] ? parts[0] : Buffer.concat([...joined, ...parts]);
      if (length > maxBytes) reader.overlong(data.subarray(0, 512), data.subarray(-512), length);
      else reader.event({ event: event || 'message', data });
    }
    event = '';
    parts = [];
    joined = [];
    length = 0;
  }

  function addData(value: Buffer): void {
    const isFirst = parts.length === 0;
    length += isFirst ? value.length : value.length + 1;
    // Of an event that is too long already, nothing more is kept.
    if (length > maxBytes && !isFirst) return;
    if (!isFirst) parts.push(lineFeed);
    parts.push(value);
    if (parts.length < joinedParts) return;
    joined.push(Buffer.concat(parts.slice(0, -1)));
    parts = [value];
  }

  function line(bytes: Buffer): void {
    if (bytes.length === 0) {
      dispatch();
      return;
    }
    const at = bytes.indexOf(colon);
    if (at === 0) return;
    const name = bytes.toString('latin1', 0, at === -1 ? bytes.length : at);
    const value = at === -1 ? empty : bytes.subarray(bytes[at + 1] === space ? at + 2 : at + 1);
    if (name === 'data') addData(value);
    else if (name === 'event') event = value.toString('utf8');
    else if (name === 'id' && !value.includes(0)) reader.id?.(value.toString('utf8'));
    else if (name === 'retry' && /^\d{1,9}$/.test(value.toString('latin1')))
      reader.retry?.(Number(value.toString('latin1')));
  }

  return createLineSplitter(maxBytes + 1024, line, ({ head, tail, length: bytes }) => {
    reader.overlong(head, tail, bytes);
  });
}
