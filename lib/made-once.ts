// Files of the data directory that are made at the first start and never change: the master key, the hub's own id.
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The text of a file that the first program to ask makes, for its user alone. Synchronous: for starts.
 * @throws Error of node:fs where the file can be neither read nor made
 */
export function readOrMake(path: string, make: () => string): { text: string; isNew: boolean } {
  const there = readIfThere(path);
  if (there !== null) return { text: there, isNew: false };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  writeFileSync(draft, `${make()}\n`, { mode: 0o600, flag: 'wx', flush: true });
  let isNew = true;
  try {
    // Two programs may come here at once: the complete file is linked into place, the first link wins, all read it.
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    isNew = false;
  } finally {
    unlinkSync(draft);
  }
  return { text: readFileSync(path, 'utf8'), isNew };
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
