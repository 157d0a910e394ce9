import { describe, expect, it } from 'vitest';
import { changesOf, valueText } from '../../../../app/_ui/field-changes';

describe('the changes of an audit entry', () => {
  it('are the fields that differ, by their path', () => {
    const before = { name: 'a', args: ['x'], env: { A: '***', B: '***' }, limits: {}, gone: 1 };
    const after = { name: 'a', args: ['x', 'y'], env: { A: '*** (changed)', B: '***' }, limits: {}, fresh: null };
    expect(changesOf(before, after)).toEqual([
      { path: 'args', before: ['x'], after: ['x', 'y'] },
      { path: 'env.A', before: '***', after: '*** (changed)' },
      { path: 'gone', before: 1, after: undefined },
      { path: 'fresh', before: undefined, after: null },
    ]);
  });

  it('of something new or removed are all its fields, and none of nothing', () => {
    expect(changesOf(null, { a: { b: 1 }, c: {} })).toEqual([
      { path: 'a.b', before: undefined, after: 1 },
      { path: 'c', before: undefined, after: {} },
    ]);
    expect(changesOf({ a: 1 }, null)).toEqual([{ path: 'a', before: 1, after: undefined }]);
    expect(changesOf(null, null)).toEqual([]);
  });

  it('show an empty text as one', () => {
    expect([valueText(''), valueText('a'), valueText(['a'])]).toEqual(['""', 'a', '["a"]']);
  });
});
