// The cursor of the call log.
import { describe, expect, it } from 'vitest';
import { readCursor, writeCursor } from '../../../../lib/telemetry/calls';

describe('cursor', () => {
  it('comes back as it was written', () => {
    const position = { at: new Date('2026-01-02T03:04:05.678Z'), id: 123_456_789 };
    expect(readCursor(writeCursor(position))).toEqual(position);
  });

  it.each([
    '',
    'x',
    '!!!',
    'AAAA',
    Buffer.from('1.2.3').toString('base64url'),
    `${writeCursor({ at: new Date(1), id: 1 })}=`,
  ])('an altered one (%j) is refused', (cursor) => {
    expect(() => readCursor(cursor)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });
});
