import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  closeStatement,
  copyFail,
  createFrameReader,
  fatal,
  frontend,
  negotiate,
  query,
  readiness,
  readStartup,
  renameStatement,
  sqlText,
  startup,
  statementName,
  sync,
  withoutCopyIn,
} from '../../../../lib/db/embedded/protocol';

const maxBytes = 1_000;

function message(type: keyof typeof frontend, payload: string | Buffer) {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(5);
  head.writeUInt8(frontend[type], 0);
  head.writeInt32BE(4 + body.length, 1);
  return { type: frontend[type], bytes: Buffer.concat([head, body]) };
}

describe('frames', () => {
  it('come out the same however the bytes are cut', () => {
    const messages = [query('select 1'), sync, copyFail('no'), closeStatement('s1')];
    const stream = Buffer.concat(messages);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 20 }), (cuts) => {
        const points = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const reader = createFrameReader(maxBytes);
        const read = points.slice(1).flatMap((to, index) => reader.read(stream.subarray(points[index], to)));
        expect(read.map(({ bytes }) => bytes.toString('latin1'))).toEqual(
          messages.map((each) => each.toString('latin1')),
        );
      }),
    );
  });

  it.each([
    ['an unknown type', Buffer.from('!\0\0\0\x04')],
    ['a length below its own size', Buffer.from('Q\0\0\0\x03')],
    ['a negative length', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff])],
    ['a length above the limit', Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])],
  ])('with %s are refused', (_name, bytes) => {
    expect(() => createFrameReader(maxBytes).read(bytes)).toThrow(/invalid/);
  });
});

describe('startup packet', () => {
  it('is read when whole', () => {
    const packet = startup({ user: 'u', database: 'd' });
    expect(readStartup(packet.subarray(0, -1)).kind).toBe('incomplete');
    expect(readStartup(packet)).toEqual({ kind: 'start', bytes: packet.length, minor: 0, options: [] });
  });

  it('names the protocol options it asks for', () => {
    expect(readStartup(startup({ user: 'u', '_pq_.some': '1' }))).toMatchObject({ options: ['_pq_.some'] });
    expect(negotiate(['_pq_.some']).toString('latin1')).toBe('v\0\0\0\x16\0\x03\0\0\0\0\0\x01_pq_.some\0');
  });

  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n')],
    ['a length of zero', Buffer.alloc(8)],
    ['protocol 2', Buffer.from([0, 0, 0, 8, 0, 2, 0, 0])],
  ])('that is %s is refused', (_name, bytes) => {
    expect(readStartup(bytes).kind).toBe('bad');
  });

  it('never throws, whatever arrives', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void readStartup(Buffer.from(bytes))));
  });
});

describe('statement names', () => {
  it.each([
    ['parse', 'name\0select 1\0\0\0'],
    ['bind', 'portal\0name\0\0\0\0\0\0\0'],
    ['describe', 'Sname\0'],
    ['close', 'Sname\0'],
  ] as const)('are found and replaced in %s', (type, payload) => {
    const found = statementName(message(type, payload));
    expect(found?.name).toBe('name');
    const renamed = renameStatement(message(type, payload), found?.from ?? 0, found?.to ?? 0, 's12');
    expect(renamed).toEqual(message(type, payload.replace('name', 's12')));
  });

  it.each([
    ['describe', 'Pname\0'],
    ['execute', 'name\0\0\0\0\0'],
    ['query', 'name\0'],
    ['parse', 'no end'],
    ['bind', 'no end'],
  ] as const)('are not seen in %s %j', (type, payload) => {
    expect(statementName(message(type, payload))).toBeUndefined();
  });

  it('the text of a statement is read from Query and Parse', () => {
    expect(sqlText(message('query', 'select 1\0'))).toBe('select 1');
    expect(sqlText(message('parse', 'n\0select 2\0\0\0'))).toBe('select 2');
    expect(sqlText(message('bind', 'n\0select 2\0'))).toBe('');
  });
});

describe('answers', () => {
  it('readiness is read from the last six bytes', () => {
    const ready = (state: string) => Buffer.from(`Z\0\0\0\x05${state}`);
    expect(['I', 'T', 'E'].map((state) => readiness(ready(state)))).toEqual(['idle', 'transaction', 'transaction']);
    expect(readiness(Buffer.from('I'))).toBe('none');
  });

  it('the invitation to COPY is taken out and nothing else', () => {
    const invitation = Buffer.from('G\0\0\0\x07\0\0\0');
    const error = fatal('57014', 'no');
    expect(withoutCopyIn(Buffer.concat([invitation, error, invitation]))).toEqual(error);
  });
});
