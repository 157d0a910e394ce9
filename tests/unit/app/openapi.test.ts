// The OpenAPI document describes exactly the routes that exist.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../../app/api/openapi.json/document';
import { operations } from '../../../app/api/openapi.json/operations';

/** "GET /api/v1/…" for every method that a route file exports. */
function routesOnDisk(): string[] {
  return readdirSync('app/api/v1', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('route.ts') && !file.includes('[...'))
    .flatMap((file) => {
      const path = `/api/v1/${file.replace(/\/route\.ts$/, '').replace(/\[(\w+)\]/g, '{$1}')}`;
      const text = readFileSync(`app/api/v1/${file}`, 'utf8');
      return [...text.matchAll(/^export const (GET|POST|PUT|PATCH|DELETE)\b/gm)].map(
        ([, method]) => `${method} ${path}`,
      );
    });
}

describe('the OpenAPI document', () => {
  const document = openApiDocument('http://localhost:3000');

  it('has a row for every method of every route, and no other', () => {
    const documented = Object.entries(operations).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(routesOnDisk().sort());
  });

  it('names every operation once and refers only to shapes that it holds', () => {
    const text = JSON.stringify(document);
    const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const { schemas } = document.components as { schemas: Record<string, unknown> };
    const wanted = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
    expect([...wanted].filter((name) => !(name !== undefined && name in schemas))).toEqual([]);
  });

  it('describes bodies as the routes parse them: unknown fields are refused', () => {
    const { schemas } = document.components as { schemas: Record<string, { additionalProperties?: boolean }> };
    for (const name of ['GroupInput', 'KeyInput', 'ImportInput', 'ServerPatch']) {
      expect(schemas[name]?.additionalProperties).toBe(false);
    }
  });
});
