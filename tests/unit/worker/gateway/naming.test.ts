import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exposedName, hashedName } from '../../../../lib/servers/tool-names';
import { clashUri, exposeNames, parseClashUri, templateMatcher } from '../../../../worker/gateway/catalog/naming';
import { fairNow } from '../../../support/fair-clock';

const server = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
const tool = fc.oneof(fc.string({ minLength: 1, maxLength: 128 }), fc.stringMatching(/^[a-z_]{1,80}$/));
const pair = fc.record({ server, name: tool });

describe('names of tools', () => {
  it('are legal for every model, whatever server and tool are called [L-TOOL-03, N-TOOL-04]', () => {
    fc.assert(
      fc.property(pair, ({ server, name }) => {
        for (const exposed of [exposedName(server, name), hashedName(server, name)]) {
          expect(exposed).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        }
      }),
    );
  });

  it('are unique among different servers and tools [L-TOOL-03, N-TOOL-04, N-TOOL-05]', () => {
    const selector = ({ server, name }: { server: string; name: string }) => JSON.stringify([server, name]);
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector, maxLength: 50 }), (items) => {
        expect(new Set(items.map(({ server, name }) => exposedName(server, name))).size).toBe(items.length);
        for (const prefix of ['always', 'never'] as const) expect(exposeNames(items, prefix).size).toBe(items.length);
      }),
    );
  });

  it('stay the same whoever else joins [F-TRAP-06]', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: (item) => item.name, maxLength: 20 }), pair, (items, other) => {
        fc.pre(items.every((item) => item.server !== other.server));
        const alone = exposeNames(items, 'always');
        const together = exposeNames([other, ...items], 'always');
        for (const [name, item] of alone) expect(together.get(name)).toBe(item);
      }),
    );
  });

  it('keep the plain form where it is clear, and carry a hash where it is not', () => {
    expect(exposedName('github', 'create_issue')).toBe('github__create_issue');
    expect(exposedName('a', 'b__c')).toBe('a__b__c');
    expect(exposedName('a__b', 'c')).toMatch(/^a__b__c_[0-9a-f]{8}$/);
    expect(exposedName('a', 'x.y')).toMatch(/^a__x_y_[0-9a-f]{8}$/);
    expect(exposedName('a', 'x:y')).not.toBe(exposedName('a', 'x.y'));
    expect(exposedName('s'.repeat(40), 't'.repeat(40))).toHaveLength(64);
  });

  it('without prefix the older server keeps the bare name', () => {
    const items = [
      { server: 'old', name: 'search' },
      { server: 'new', name: 'search' },
      { server: 'new', name: 'x.y' },
    ];
    expect([...exposeNames(items, 'never').keys()]).toEqual(['search', 'new__search', 'x.y']);
  });
});

describe('URIs', () => {
  it('the form for clashes leads back to server and URI', () => {
    fc.assert(
      fc.property(server, fc.stringMatching(/^[a-z]{1,8}:[a-z/.?:]{0,30}$/), (name, uri) => {
        expect(parseClashUri(clashUri(name, uri))).toEqual({ server: name, uri });
      }),
    );
    expect(clashUri('two', 'ui://app/page')).toBe('ui://mcphub/two/app/page');
    expect(parseClashUri('ui://mcphub/two/app/page')).toEqual({ server: 'two', uri: 'ui://app/page' });
    expect(parseClashUri('https://example.com')).toBeNull();
    expect(parseClashUri('mcphub:')).toBeNull();
  });

  it.each([
    ['file:///{path}', 'file:///a/b', 8],
    ['file:///{path}', 'http://a', -1],
    ['db://{table}/rows/{id}', 'db://t/rows/5', 11],
    ['db://{table}/rows/{id}', 'db://t/5', -1],
    ['x://{a}y', 'x://y', 5],
    ['aa{x}aa', 'aaa', -1],
    ['plain://uri', 'plain://uri', 11],
    ['plain://uri', 'plain://uri2', -1],
  ])('template %s and %s → %i', (template, uri, weight) => {
    expect(templateMatcher(template)(uri)).toBe(weight);
  });

  it('a template made to be slow is not', () => {
    const startedAt = fairNow();
    templateMatcher('{a}x'.repeat(2000))('x'.repeat(8000));
    expect(fairNow() - startedAt).toBeLessThan(100);
  });
});
