// Every way into the hub stands in tests/integration/access/policy-table.ts, with the right that it takes. What is new
// gets its line there first; the matrix then asks it as every role.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { methods, pages, rooms, routes, serverActions } from '../integration/access/policy-table';

const filesBelow = (folder: string, name: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file === name || file.endsWith(`/${name}`))
    .map((file) => [file, readFileSync(`${folder}/${file}`, 'utf8')] as const);
const textsBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(`${folder}/${file}`, 'utf8'))
    .join('\n');

describe('the policy table names exactly', () => {
  it('the REST routes', () => {
    const found = filesBelow('app/api/v1', 'route.ts').flatMap(([file, text]) => {
      const path = `/api/v1/${file.replace(/\/?route\.ts$/, '').replace(/\[(\w+)\]/g, '{$1}')}`;
      return [...text.matchAll(/^export (?:const|async function|function) (GET|POST|PUT|PATCH|DELETE)\b/gm)].map(
        ([, method]) => `${method} ${path}`,
      );
    });
    expect(Object.keys(routes).sort()).toEqual(found.sort());
  });

  it('the server actions', () => {
    const found = filesBelow('app', 'actions.ts').flatMap(([, text]) =>
      [...text.matchAll(/^export (?:const|async function|function) (\w+)/gm)].map(([, name]) => name),
    );
    expect(Object.keys(serverActions).sort()).toEqual(found.sort());
  });

  it('the pages', () => {
    const found = filesBelow('app', 'page.tsx').map(([file]) => file.replace(/\/page\.tsx$/, ''));
    expect(Object.keys(pages).sort()).toEqual(found.sort());
  });

  it('the rooms of the live updates', () => {
    const text = readFileSync('worker/live/index.ts', 'utf8');
    const prefixes = [...text.matchAll(/`(\w+:)\$\{/g)].map(([, room]) => room);
    const whole = [...text.matchAll(/(?:send|share|push)\('(\w+)'/g)].map(([, room]) => room);
    expect(Object.keys(rooms).sort()).toEqual([...new Set([...prefixes, ...whole, 'calls'])].sort());
  });

  it('the MCP methods', () => {
    const text = textsBelow('worker/gateway');
    // Rows of tables of methods, and methods that are asked for by name.
    const rows = [...text.matchAll(/\[\s*'(ping|[a-z]+(?:\/[a-zA-Z]+)+)',/g)];
    const named = [...text.matchAll(/(?<!typeof )\bmethod [!=]== '([a-z]+(?:\/[a-zA-Z]+)*)'/g)];
    const found = [...rows, ...named].map(([, method]) => method ?? '');
    // These are said to clients, not asked by them.
    const asked = found.filter((method) => !/^(notifications|sampling|elicitation|roots)\//.test(method));
    // Not served (server/utilities/tasks: a list would show what is whose), which the matrix asks for too.
    expect([...new Set([...asked, 'tasks/list'])].sort()).toEqual(Object.keys(methods).sort());
  });
});
