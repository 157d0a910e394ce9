// Which hub this is, among those that use one database: its processes and its rows carry the id. Neither the master key
// nor the path of the data directory tells hubs apart, which have both in common where containers run one image.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readOrMake } from './made-once';

const idForm = /^[A-Za-z0-9_-]{16}$/;

/**
 * The same at each start on a data directory, and at all workers of a hub; another on every other one. Without ":" and ".",
 * which stand behind it in names.
 * @throws Error with what to do, where the file holds something else
 */
export function installationIdOf(dataDir: string): string {
  const path = join(dataDir, 'installation-id');
  const id = readOrMake(path, () => randomBytes(12).toString('base64url')).text.trim();
  if (!idForm.test(id))
    throw new Error(`${path} does not hold the id of a hub. Delete it: the next start makes another.`);
  return id;
}
