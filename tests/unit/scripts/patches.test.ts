// Mended packages: what runs here has the patches, and an update that they do not fit is noticed.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { applyPatches } from '../../../scripts/patches.mjs';

const installed = join(import.meta.dirname, '../../../node_modules');
const file = 'postgres/src/connection.js';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcphub-patches-'));
  mkdirSync(join(folder, 'postgres/src'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('the installed driver writes nothing once its connection is gone', () => {
  const text = readFileSync(join(installed, file), 'utf8');
  expect(text).toMatch(/function nextWrite\(fn\) \{\s+if \(socket === null\)/);
});

it('a second application changes nothing', () => {
  cpSync(join(installed, file), join(folder, file));
  const before = readFileSync(join(folder, file), 'utf8');
  applyPatches(folder);
  expect(readFileSync(join(folder, file), 'utf8')).toBe(before);
});

it('a package without the lines in question stops the start', () => {
  writeFileSync(join(folder, file), 'export default 1;\n');
  expect(() => applyPatches(folder)).toThrow(/does not fit any more/);
});
