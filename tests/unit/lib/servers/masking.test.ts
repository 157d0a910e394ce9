// Values that are written but never read back.
import { describe, expect, it } from 'vitest';
import { isMasked, maskValue, mergeValues } from '../../../../lib/servers/masking';

describe('masking', () => {
  it('shows four characters of long values and none of short ones', () => {
    expect([maskValue('sk-1234567890'), maskValue('12345678901'), maskValue('')]).toEqual(['***7890', '***', '***']);
  });

  it('keeps the stored value when its mask comes back, and only then', () => {
    const stored = { LONG: 'a-long-secret', SHORT: 'abc', OTHER: 'x' };
    expect(mergeValues(stored, { LONG: '***cret', SHORT: '***', OTHER: 'new', ADDED: 'y' })).toEqual({
      LONG: 'a-long-secret',
      SHORT: 'abc',
      OTHER: 'new',
      ADDED: 'y',
    });
    expect(mergeValues(stored, { LONG: null })).toEqual({ SHORT: 'abc', OTHER: 'x' });
    expect(mergeValues(stored, undefined)).toEqual(stored);
  });

  it('a mask that belongs to nothing stored is recognised', () => {
    expect(isMasked(mergeValues({}, { RENAMED: '***cret' }).RENAMED ?? '')).toBe(true);
    expect(isMasked('a real value')).toBe(false);
  });
});
