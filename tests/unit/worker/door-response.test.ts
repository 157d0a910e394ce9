import { expect, it } from 'vitest';
import { routeOf } from '../../../worker/door-response';

it.each([
  ['/', 'page'],
  ['/servers/github', 'page'],
  ['/healthz', '/healthz'],
  ['/socket.io/', '/socket.io'],
  ['/_next/static/x.js', '/_next/*'],
  ['/api/v1/servers', '/api/v1/servers'],
  ['/api/v1/servers/secret-name', '/api/v1/servers/{name}'],
  ['/api/v1/servers/secret-name/restart', '/api/v1/servers/{name}/restart'],
  ['/api/v1/secret/name', '/api/*'],
  ['/api/auth/callback/credentials', '/api/auth/*'],
])('the route label of %s is %s: names of things are no labels', (path, route) => {
  expect(routeOf(path)).toBe(route);
});
