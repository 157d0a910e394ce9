import { describe, expect, it } from 'vitest';
import { maskSecrets } from '../../../../lib/telemetry/audit';

describe('audit trail', () => {
  it('masks values under telling names at any depth, and all of env and headers', () => {
    expect(
      maskSecrets({
        name: 'github',
        env: { DEBUG: '1', GITHUB_TOKEN: 'x' },
        headers: { 'X-Plain': 'y' },
        nested: [{ password: 'p', apiKey: 'k', note: 'kept' }],
        token: null,
        args: ['--port', '1'],
      }),
    ).toEqual({
      name: 'github',
      env: { DEBUG: '***', GITHUB_TOKEN: '***' },
      headers: { 'X-Plain': '***' },
      nested: [{ password: '***', apiKey: '***', note: 'kept' }],
      token: null,
      args: ['--port', '1'],
    });
  });
});
