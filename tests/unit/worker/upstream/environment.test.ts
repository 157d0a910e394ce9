import { describe, expect, it } from 'vitest';
import { childEnvironment } from '../../../../worker/upstream/environment';

const marker = 'installation:instance';

describe('the environment of a child', () => {
  it('holds what programs need to run', () => {
    const own = {
      PATH: '/bin',
      HOME: '/root',
      LANG: 'C',
      LC_ALL: 'C',
      XDG_CONFIG_HOME: '/x',
      TZ: 'UTC',
      TMPDIR: '/tmp',
    };
    expect(childEnvironment(own, {}, marker)).toEqual({ ...own, MCPHUB_INSTANCE: marker });
  });

  it('holds no setting or secret of the hub and nothing that loads code', () => {
    const own = {
      DATABASE_URL: 'x',
      MCPHUB_MASTER_KEY: 'x',
      MCPHUB_BOOTSTRAP_API_KEY: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      NODE_OPTIONS: '--require /evil.js',
      LD_PRELOAD: '/evil.so',
      LD_LIBRARY_PATH: '/evil',
      DYLD_INSERT_LIBRARIES: '/evil.dylib',
      BASH_ENV: '/evil.sh',
      NODE_CHANNEL_FD: '3',
      'BASH_FUNC_ls%%': '() { evil; }',
      LC_EVIL: '() { evil; }',
      HOME: undefined,
    };
    expect(childEnvironment(own, {}, marker)).toEqual({ MCPHUB_INSTANCE: marker });
  });

  it('holds what the row names, but for the marker', () => {
    const named = { NODE_OPTIONS: '--max-old-space-size=64', API_KEY: 'k', PATH: '/own', MCPHUB_INSTANCE: 'forged' };
    expect(childEnvironment({ PATH: '/bin' }, named, marker)).toEqual({ ...named, MCPHUB_INSTANCE: marker });
  });
});
