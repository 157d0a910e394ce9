import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chainHash } from '../../../../lib/telemetry/audit-chain';
import { csvCell } from '../../../../lib/telemetry/audit-trail';

const row = {
  id: 7,
  at: new Date('2026-03-01T12:00:00.123Z'),
  actorKind: 'user',
  actorId: 'u1',
  actor: 'ada',
  action: 'server.updated',
  resourceType: 'server',
  resourceId: 's1',
  resourceName: 'git',
  before: { b: 1, a: [{ y: 1, x: 2 }] },
  after: null,
  requestId: 'r1',
  address: '192.0.2.1',
};

describe('the hash of an audit row', () => {
  it('is SHA-256 over the hash before it, a line feed, and the row as JSON with sorted keys', () => {
    const text =
      '{"action":"server.updated","actor":"ada","actorId":"u1","actorKind":"user","address":"192.0.2.1","after":null,' +
      '"at":"2026-03-01T12:00:00.123Z","before":{"a":[{"x":2,"y":1}],"b":1},"id":"7","requestId":"r1",' +
      '"resourceId":"s1","resourceName":"git","resourceType":"server"}';
    expect(chainHash('abc', row)).toBe(createHash('sha256').update(`abc\n${text}`).digest('hex'));
  });

  it('does not depend on the order in which keys were written, nor on columns that are added later', () => {
    const turned = Object.fromEntries(Object.entries(row).reverse()) as typeof row;
    expect(chainHash('', { ...turned, before: { a: [{ x: 2, y: 1 }], b: 1 } })).toBe(chainHash('', row));
    expect(chainHash('', { ...row, later: true } as typeof row)).toBe(chainHash('', row));
  });

  it.each(Object.keys(row))('covers the field %s', (field) => {
    const changed = field === 'at' ? new Date(row.at.getTime() + 1) : field === 'id' ? 8 : 'other';
    expect(chainHash('', { ...row, [field]: changed })).not.toBe(chainHash('', row));
  });

  it('covers the order of a list and what came before', () => {
    expect(chainHash('', { ...row, after: [1, 2] })).not.toBe(chainHash('', { ...row, after: [2, 1] }));
    expect(chainHash('a', row)).not.toBe(chainHash('b', row));
  });
});

describe('a cell of the CSV export', () => {
  it.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['\t=1', "'\t=1"],
    [' =1', "' =1"],
    ['a=1', 'a=1'],
    [null, ''],
    [{ a: '=1' }, '"{""a"":""=1""}"'],
  ])('%j is written as %s', (value, cell) => expect(csvCell(value)).toBe(cell));
});
