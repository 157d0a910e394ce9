import { describe, expect, it } from 'vitest';
import { endpointOfPath, endpointOfResource } from '../../../../lib/access/endpoints';
import { endpointsOf, scopesOf } from '../../../../lib/access/tokens';

const url = 'https://hub.example/tools';

describe('a resource indicator', () => {
  it.each([
    ['https://hub.example/tools/api/mcp', ''],
    ['https://HUB.example:443/tools/api/mcp', ''],
    ['https://hub.example/tools/api/mcp/', ''],
    ['https://hub.example/tools/api/mcp/sse', ''],
    ['https://hub.example/tools/api/mcp/GitHub', 'github'],
    ['https://hub.example/tools/api/mcp/github/sse', 'github'],
  ])('%s names an endpoint', (resource, key) => {
    expect(endpointOfResource(url, resource)).toBe(key);
  });

  it.each([
    'https://hub.example/tools',
    'https://hub.example/api/mcp',
    'https://hub.example/tools2/api/mcp',
    'https://hub.example.evil.org/tools/api/mcp',
    'http://hub.example/tools/api/mcp',
    'https://hub.example:8443/tools/api/mcp',
    'https://user@hub.example/tools/api/mcp',
    'https://hub.example/tools/api/mcp?x=1',
    'https://hub.example/tools/api/mcp#x',
    'https://hub.example/tools/api/mcp/a/b',
    'https://hub.example/tools/api/mcp/%61',
    'https://hub.example/tools/api/mcpx',
    'api/mcp',
    '',
  ])('%s names none', (resource) => {
    expect(endpointOfResource(url, resource)).toBeNull();
  });
});

it('paths are taken as they stand', () => {
  expect(endpointOfPath('/api/mcp/One')).toBe('one');
  for (const path of ['/api/mcp/', '/api/mcp//one', '/api/mcp/%6fne', '/api/mcp/one/', '/api/MCP']) {
    expect(endpointOfPath(path)).toBeNull();
  }
});

it('an audience covers all endpoints, those that it names, or none', () => {
  expect(endpointsOf(url, `${url}/api/mcp`)).toBeNull();
  expect(endpointsOf(url, [`${url}/api/mcp/a`, 'other', `${url}/api/mcp`])).toBeNull();
  expect(endpointsOf(url, [`${url}/api/mcp/a`, 7, `${url}/api/mcp/B`])).toEqual(['a', 'b']);
  for (const none of [undefined, null, '', [], 'https://other.example/api/mcp'])
    expect(endpointsOf(url, none)).toEqual([]);
});

it('scopes of others mean nothing here', () => {
  expect(scopesOf('openid mcp:call mcp:readx')).toEqual(['mcp:call']);
  expect(scopesOf('mcp:call mcp:read')).toEqual(['mcp:read', 'mcp:call']);
  for (const none of [undefined, null, 7, '', 'MCP:READ']) expect(scopesOf(none)).toEqual([]);
});
