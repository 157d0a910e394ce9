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

  it('tells that a secret changed, and not into what', () => {
    const before = { env: { A: 'one', B: 'two', GONE: 'x' }, password: 'p', note: 'n' };
    const after = { env: { A: 'one', B: 'other', NEW: 'y' }, password: 'q', note: 'n' };
    expect(maskSecrets(after, before)).toEqual({
      env: { A: '***', B: '*** (changed)', NEW: '***' },
      password: '*** (changed)',
      note: 'n',
    });
  });

  it('masks credentials of APIs at any depth', () => {
    const openapi = {
      documentUrl: 'https://api.example/',
      auth: { key: { value: 'v', in: 'header' }, basic: { password: 'p' } },
    };
    expect(maskSecrets({ openapi })).toEqual({
      openapi: { ...openapi, auth: { key: { value: '***', in: '***' }, basic: { password: '***' } } },
    });
  });

  it('takes secrets out of texts by their look', () => {
    const masked = maskSecrets({ args: ['--key=ghp_0123456789abcdefghij'], url: 'https://u:hunter22@example.com/' });
    expect(JSON.stringify(masked)).not.toMatch(/ghp_|hunter22/);
  });
});
