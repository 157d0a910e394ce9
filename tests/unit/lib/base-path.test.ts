import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { basePathOf, isAmbiguousPath, isPlainPath, withBase, withoutBase } from '../../../lib/base-path';

describe('the path below which the hub is served', () => {
  it.each([
    ['https://hub.example', ''],
    ['https://hub.example/', ''],
    ['https://hub.example/some/path/', '/some/path'],
    ['https://hub.example/a?b#c', '/a'],
    ['no URL', ''],
    [undefined, ''],
  ])('of %j is %j', (url, path) => {
    expect(basePathOf(url)).toBe(path);
  });

  it.each([
    ['/mcphub', true],
    ['/a.b/c-d_~1', true],
    ['', true],
    ['/a%20b', false],
    ['/a//b', false],
    ['/a;b', false],
    ['/(a)', false],
  ])('%j is plain: %s', (path, isPlain) => {
    expect(isPlainPath(path)).toBe(isPlain);
  });

  it.each([
    ['/some/path', '/'],
    ['/some/path/', '/'],
    ['/some/path?x=1', '/?x=1'],
    ['/some/path/servers?x=1', '/servers?x=1'],
    ['/some/paths', '/some/paths'],
    ['/servers', '/servers'],
    ['/', '/'],
    ['/SOME/path/servers', '/SOME/path/servers'],
  ])('is taken from %j: %j', (target, rest) => {
    expect(withoutBase('/some/path', target)).toBe(rest);
  });

  it.each([
    ['/', '/some/path'],
    ['/?x=1', '/some/path?x=1'],
    ['/servers?x=1', '/some/path/servers?x=1'],
  ])('is put before %j: %j', (target, whole) => {
    expect(withBase('/some/path', target)).toBe(whole);
    expect(withBase('', target)).toBe(target);
  });

  it('may not be passed on where it begins like something of the hub, and every page counts', () => {
    const folders = ['app', 'app/(auth)', 'app/(dashboard)'].flatMap((folder) =>
      readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && /^[a-z]/.test(entry.name)),
    );
    const inside = new Set(['overlay-editor']); // holds no page
    const pages = folders.map(({ name }) => name).filter((name) => !inside.has(name));
    expect(pages.length).toBeGreaterThan(15);
    expect(pages.filter((name) => !isAmbiguousPath(`/${name}/x`))).toEqual([]);
    expect(['/oauth', '/socket.io/x', '/_next'].map(isAmbiguousPath)).toEqual([true, true, true]);
    expect(['', '/mcphub', '/my/servers'].map(isAmbiguousPath)).toEqual([false, false, false]);
  });
});
