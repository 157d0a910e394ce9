// Follows the servers file: reads it at start and whenever its text changes, and keeps its faults for those who ask.
// Editors replace files by renaming, and a mounted file changes behind a symbolic link, so the folder is watched and
// the text compared; a slow look now and then covers file systems that report nothing.
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Vault } from '../../lib/access';
import { isDatabaseUnavailable, rootMessage } from '../../lib/db/faults';
import type { Db } from '../../lib/db/types';
import type { Bus } from '../../lib/events/bus';
import type { Log } from '../../lib/log';
import { importConfigFile } from '../../lib/servers';

export interface ConfigWatchOptions {
  db: Db;
  bus: Bus;
  vault: Vault;
  log: Log;
  /** Absolute path of the servers file; it need not exist yet. */
  path: string;
  /** True when the operator named the file: then it must exist, and its absence is a fault from the start. */
  required?: boolean;
  /** Rest after a change before the file is read; 150 ms. */
  debounceMs?: number;
  /** How often the file is looked at without any report; 5 s. */
  lookMs?: number;
}

export interface ConfigWatch {
  /** One sentence each; empty while the file is good or nobody needs one. */
  readonly faults: readonly string[];
  /** The file, once it has been read; null until then. */
  readonly file: string | null;
  /**
   * Reads the file now, unless its text is what was imported last. Concurrent calls share one run; a call during a run
   * causes one more look, for that run may have read the file before the change.
   */
  check(): Promise<void>;
  /** Idempotent; a run under way is waited for. */
  close(): Promise<void>;
}

const maxFileBytes = 1024 * 1024;

/** Resolves when the file was looked at for the first time; later changes are followed until close(). */
export async function watchConfig(options: ConfigWatchOptions): Promise<ConfigWatch> {
  const { bus, log, path, required = false, debounceMs = 150, lookMs = 5_000 } = options;
  let faults: string[] = [];
  let file: string | null = null;
  /** What was imported last; undefined until the database took it, null for an absent file. */
  let imported: string | null | undefined;
  let running: Promise<void> | undefined;
  let lookAgain = false;
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  let closed = false;

  function check(): Promise<void> {
    lookAgain = running !== undefined;
    running ??= looks().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function looks(): Promise<void> {
    do {
      lookAgain = false;
      await look();
    } while (lookAgain && !closed);
  }

  async function look(): Promise<void> {
    follow();
    const { text, fault } = await readText(path);
    if (closed || (fault === null && text === imported)) return;
    if (fault !== null) return faults[0] === fault ? undefined : tell([fault], 'the servers file cannot be read');
    if (text === null) {
      imported = null;
      return tell(absenceFaults(), 'the servers file is not there');
    }
    try {
      const result = await importConfigFile(options, path, text);
      imported = text;
      file = path;
      const { created, updated, deleted } = result;
      log.info({ file: path, created, updated, deleted, faults: result.faults.length }, 'servers file read');
      await tell(result.faults, 'the servers file has a fault');
    } catch (error) {
      // Tried again with the next look.
      const cause = rootMessage(error);
      const level = isDatabaseUnavailable(error) ? 'warn' : 'error';
      log[level]({ file: path, cause }, 'the servers file could not be taken over yet');
    }
  }

  function absenceFaults(): string[] {
    if (file !== null) {
      return [`${path} is gone: its servers stay as they were. To remove them, put {"mcpServers": {}} there.`];
    }
    return required ? [`${path} does not exist: create it, or change MCPHUB_CONFIG.`] : [];
  }

  async function tell(next: string[], message: string): Promise<void> {
    const isNews = next.join('\n') !== faults.join('\n');
    faults = next;
    if (isNews) for (const fault of next) log.warn({ file: path, fault }, message);
    await bus.emit('config.reloaded', { file: path, faults: next });
  }

  /** Watches the folder; it may not exist yet, or vanish, and is then tried again with the next look. */
  function follow(): void {
    if (watcher || closed) return;
    try {
      watcher = watch(dirname(path), () => schedule(debounceMs));
      watcher.on('error', forget);
    } catch {
      watcher = undefined;
    }
  }

  function forget(): void {
    watcher?.close();
    watcher = undefined;
  }

  function schedule(delayMs: number): void {
    if (closed) return;
    clearTimeout(timer);
    const own = setTimeout(() => {
      // Unless a change was reported meanwhile: its look comes sooner.
      void check().then(() => timer === own && schedule(lookMs));
    }, delayMs);
    timer = own;
    own.unref();
  }

  await check();
  if (!timer) schedule(lookMs);
  return {
    get faults() {
      return faults;
    },
    get file() {
      return file;
    },
    check,
    async close() {
      closed = true;
      clearTimeout(timer);
      forget();
      await running;
    },
  };
}

/** @returns text null for a file that is not there */
async function readText(path: string): Promise<{ text: string | null; fault: string | null }> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) return { text: null, fault: `${path} is larger than 1 MiB and was not read.` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)), fault: null };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { text: null, fault: null };
    if (error instanceof TypeError) return { text: null, fault: `${path} is not text in UTF-8.` };
    return { text: null, fault: `${path} cannot be read (${code ?? 'error'}).` };
  }
}
