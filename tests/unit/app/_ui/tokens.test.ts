// The contrast of the colour tokens, computed from the stylesheet itself (WCAG 2.2 §1.4.3 and §1.4.11).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

type Tokens = Map<string, [lightness: number, chroma: number, hue: number]>;

const css = readFileSync(join(process.cwd(), 'app/globals.css'), 'utf8');

function tokensOf(selector: string): Tokens {
  const block = css.slice(css.indexOf(`${selector} {`)).split('}')[0] ?? '';
  const found = [...block.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g)];
  return new Map(found.map(([, name, l, c, h]) => [String(name), [Number(l), Number(c), Number(h)]]));
}

/** OKLCH to linear sRGB, by the matrices of CSS Color 4 §10. */
function linearRgb([lightness, chroma, hue]: [number, number, number]): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

function luminance(color: [number, number, number]): number {
  const [r, g, b] = linearRgb(color).map((channel) => Math.min(1, Math.max(0, channel))) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const surfaces = ['background', 'card', 'popover', 'muted', 'sunken', 'accent'];
const states = ['ok', 'busy', 'warn', 'bad', 'auth', 'idle'];
const texts = ['foreground', 'muted-foreground', 'link', ...states];
const charts = [1, 2, 3, 4, 5, 6].map((number) => `chart-${number}`);

describe.each([':root', '.dark'])('the colours of %s', (selector) => {
  const tokens = tokensOf(selector);

  function contrast(one: string, other: string): number {
    const [first, second] = [one, other].map((name) => {
      const color = tokens.get(name);
      if (!color) throw new Error(`no token --${name} in ${selector}`);
      return luminance(color) + 0.05;
    }) as [number, number];
    return Math.max(first, second) / Math.min(first, second);
  }

  function below(least: number, pairs: [string, string][]): string[] {
    return pairs
      .filter(([one, other]) => contrast(one, other) < least)
      .map(([one, other]) => `${one} on ${other}: ${contrast(one, other).toFixed(2)}`);
  }

  it('give every text at least 5.2:1 on every surface, and a state on its own soft ground', () => {
    const onSurfaces = texts.flatMap((text) => surfaces.map((surface): [string, string] => [text, surface]));
    const onSoft = states.map((state): [string, string] => [state, `${state}-soft`]);
    expect(below(5.2, [...onSurfaces, ...onSoft, ['primary-foreground', 'primary'], ['background', 'bad']])).toEqual(
      [],
    );
  });

  it('give controls, focus and charts at least 3.1:1 on page and panel', () => {
    const drawn = ['input', 'ring', ...charts];
    expect(
      below(
        3,
        drawn.flatMap((name) => ['background', 'card'].map((on): [string, string] => [name, on])),
      ),
    ).toEqual([]);
  });

  it('lie within sRGB', () => {
    const outside = [...tokens].filter(([, color]) =>
      linearRgb(color).some((value) => value < -0.002 || value > 1.002),
    );
    expect(outside.map(([name]) => name)).toEqual([]);
  });
});
