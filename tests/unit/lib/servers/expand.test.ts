// References in the operator's file.
import { describe, expect, it } from 'vitest';
import { expandText } from '../../../../lib/servers/expand';

const variables = { SET: 'value', EMPTY: '', DOLLAR: '$& ${SET}' };

describe('expandText', () => {
  it.each([
    ['a ${SET} b', 'a value b', []],
    ['${env:SET}', 'value', []],
    ['${NONE}', '${NONE}', ['NONE']],
    ['${env:NONE}', '${env:NONE}', ['NONE']],
    ['${NONE:-fallback}', 'fallback', []],
    ['${NONE:-}', '', []],
    ['${EMPTY}', '', []],
    ['${EMPTY:-fallback}', 'fallback', []],
    ['$SET stays', '$SET stays', []],
    ['$(rm -rf /)', '$(rm -rf /)', []],
    ['${input:key}', '${input:key}', []],
    ['${DOLLAR}', '$& ${SET}', []],
    ['${SET}${SET}', 'valuevalue', []],
  ])('%j becomes %j', (text, expected, unset) => {
    expect(expandText(text, variables)).toEqual({ text: expected, unset });
  });
});
