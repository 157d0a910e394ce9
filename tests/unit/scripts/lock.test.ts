// A lock needs a file to be a lock: this is the one unit test that touches the disk, in a temporary folder.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isRunning, readLock, self, takeLock } from '../../../scripts/lock.mjs';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mcphub-lock-'));
  file = join(dir, 'lock');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('a free lock is taken, and names its holder', () => {
  expect(takeLock(file, self())).toBeNull();
  expect(readLock(file)).toEqual(self());
  expect(readdirSync(dir)).toEqual(['lock']);
});

it('a lock of a running process is not taken', () => {
  takeLock(file, { ...self(), url: 'first' });
  expect(takeLock(file, { ...self(), url: 'second' })).toMatchObject({ url: 'first' });
  expect(readdirSync(dir)).toEqual(['lock']);
});

it('a lock whose process is gone is taken over, after its content was handed over', () => {
  const stale = { pid: process.pid, startTime: '1' }; // the pid was given out again
  writeFileSync(file, JSON.stringify(stale));
  const left: unknown[] = [];
  expect(isRunning(stale)).toBe(false);
  expect(takeLock(file, self(), (held) => left.push(held))).toBeNull();
  expect(left).toEqual([stale]);
  expect(readdirSync(dir)).toEqual(['lock']);
});

it('a damaged lock file is taken over', () => {
  writeFileSync(file, '{"pid":');
  expect(takeLock(file, self())).toBeNull();
});
