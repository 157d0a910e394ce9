// References in the operator's file.
import { describe, expect, it } from 'vitest';
import { expandSecrets, expandText, secretsIn } from '../../../../lib/servers/expand';

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

describe('expandSecrets', () => {
  const secrets = { TOKEN: 'tok-1', EMPTY: '', DOLLAR: '$& ${TOKEN}', __proto__x: 'p' };

  it.each([
    ['Bearer ${TOKEN}', 'Bearer tok-1', []],
    ['${TOKEN}${TOKEN}', 'tok-1tok-1', []],
    ['$${TOKEN}', '${TOKEN}', []],
    ['$TOKEN ${TOKEN:-x} ${env:TOKEN} ${input:TOKEN}', '$TOKEN ${TOKEN:-x} ${env:TOKEN} ${input:TOKEN}', []],
    ['${DOLLAR}', '$& ${TOKEN}', []],
    ['${NONE} ${TOKEN}', '${NONE} tok-1', ['NONE']],
    ['${EMPTY}', '${EMPTY}', ['EMPTY']],
    ['${constructor} ${__proto__}', '${constructor} ${__proto__}', ['constructor', '__proto__']],
    ['${HOME}', '${HOME}', ['HOME']],
  ])('%j becomes %j', (text, expected, unset) => {
    const { values, unset: found } = expandSecrets({ 'X-Key': text }, secrets);
    expect(values).toEqual({ 'X-Key': expected });
    expect(found).toEqual(unset.map((name) => ({ key: 'X-Key', name })));
  });

  it('names each secret once', () => {
    expect(secretsIn({ a: '${ONE} ${TWO} $${THREE}', b: '${ONE}' })).toEqual(['ONE', 'TWO']);
  });
});
