// Where the program of a stdio server is, found before it is started: `spawn` would only say ENOENT or EACCES.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { UpstreamTarget } from './types';

export type Found = { file: string } | { fault: string };

/**
 * @param path PATH of the child, which may differ from ours
 * @returns the file that will run, or why none will, in a plain sentence
 */
export function findProgram({ command, cwd }: Pick<UpstreamTarget, 'command' | 'cwd'>, path: string): Found {
  if (!command) return { fault: 'No command is given.' };
  if (process.platform === 'win32') return { file: command };
  const name = JSON.stringify(command);
  if (command.includes('/')) {
    const file = command.startsWith('/') ? command : join(cwd ?? process.cwd(), command);
    return isRunnable(file) ? { file } : { fault: `${name} does not exist or may not be run.` };
  }
  const folder = path.split(delimiter).find((each) => isRunnable(join(each, command)));
  if (folder !== undefined) return { file: join(folder, command) };
  const where =
    path === ''
      ? 'PATH is empty'
      : `PATH has ${path.split(delimiter).length} folders, first ${path.split(delimiter, 1)[0]}`;
  return { fault: `${name} was not found on PATH. Install it, or give its full path as command (${where}).` };
}

/** Why a working directory cannot be used, or null. */
export function faultOfFolder(cwd: string | null): string | null {
  return cwd === null || isFolder(cwd) ? null : `The working directory ${cwd} does not exist.`;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return !isFolder(path);
  } catch {
    return false;
  }
}
