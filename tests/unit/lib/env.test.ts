import { describe, expect, it } from 'vitest';
import { parseEnv } from '../../../lib/env';

describe('the settings', () => {
  it('have the hub listen on the loopback address unless they name another [L-HTTP-02]', () => {
    const listensOn = (source: Record<string, string>) => {
      const { HOST, MCPHUB_PUBLIC_URL } = parseEnv(source);
      return [HOST, new URL(MCPHUB_PUBLIC_URL).hostname];
    };
    expect(listensOn({})).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(listensOn({ HOST: '' })).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(listensOn({ HOST: '0.0.0.0' })).toEqual(['0.0.0.0', 'localhost']);
  });
});
