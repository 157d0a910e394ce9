// Puts all stored secrets of the hub that runs here under a new key, by its worker, while its servers go on.
import { randomUUID } from 'node:crypto';
import { createControlClient } from '../lib/control';
import { EnvError, env, socketPaths } from '../lib/env';
import { isHubError, messageOf } from '../lib/errors';

/** @returns the exit code */
export async function rotateSecrets(): Promise<number> {
  try {
    const worker = createControlClient(socketPaths(env().MCPHUB_DATA_DIR).worker);
    const source = { actor: { kind: 'system', id: 'command-line', name: 'command line' }, requestId: randomUUID() };
    const { key, values, closed } = await worker.call('secrets.rotate', source);
    console.log(`${values} stored secrets are under the new key ${key}. No server was restarted.`);
    if (closed === 0) return 0;
    console.error(`${closed} cannot be opened with this master key and stay as they were: enter them again.`);
    return 1;
  } catch (error) {
    const isDown = isHubError(error) && error.code === 'UNAVAILABLE';
    const start =
      'The hub does not run: start it with "npm start", with the same settings as here, and run this again.';
    console.error(isDown ? start : messageOf(error));
    return error instanceof EnvError ? 78 : 1;
  }
}
