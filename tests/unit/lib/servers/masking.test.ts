// Values that are written but never read back.
import { describe, expect, it } from 'vitest';
import { isMasked, maskValue, mergeValues } from '../../../../lib/servers/masking';

describe('masking', () => {
  it('shows four characters of long values and none of short ones', () => {
    expect([maskValue('sk-1234567890'), maskValue('12345678901'), maskValue('')]).toEqual(['***7890', '***', '***']);
  });

  it.each([
    ['${TOKEN}', '${TOKEN}'],
    ['${env:TOKEN}', '${env:TOKEN}'],
    ['${USER_NAME} ${PASSWORD}', '${USER_NAME} ${PASSWORD}'],
    ['Bearer ${TOKEN}', 'Bearer ${TOKEN}'],
    ['token ${TOKEN}', 'token ${TOKEN}'],
    ['Bearer sk-12345 ${TOKEN}', '***${TOKEN}'],
    ['hunter2:${TOKEN}', '***${TOKEN}'],
    ['Bearer ${TOKEN}, sk-12345', 'Bearer ${TOKEN}***'],
    ['${TOKEN}Bearer ', '${TOKEN}***'],
    ['$${NO_REFERENCE}', '***${NO_REFERENCE}'],
    ['${TOKEN:-a-literal-secret}', '***ret}'],
    ['${not a name at all}', '***all}'],
  ])('of %s shows %s', (value, shown) => {
    expect(maskValue(value)).toBe(shown);
    expect(mergeValues({ KEY: value }, { KEY: shown })).toEqual({ KEY: value });
    expect(isMasked(shown)).toBe(shown.includes('***'));
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
