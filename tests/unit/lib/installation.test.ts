import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installationIdOf } from '../../../lib/installation';
import { root } from '../../../scripts/prepare.mjs';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mcphub-installation-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('is the same at each start, another for another hub, and fit to stand in names', () => {
  const [one, other] = [join(dir, 'one'), join(dir, 'other')];
  const id = installationIdOf(one);
  expect(id).toMatch(/^[\w-]{16}$/);
  expect(installationIdOf(one)).toBe(id);
  expect(installationIdOf(other)).not.toBe(id);
  expect(statSync(join(one, 'installation-id')).mode & 0o777).toBe(0o600);
});

it('is one for all workers that ask at the same moment, and nothing else is left', async () => {
  const code = `require('node:worker_threads').parentPort.once('message', () => import('tsx/esm/api').then(({ register }) => {
    register();
    return import(${JSON.stringify(join(root, 'lib/installation.ts'))});
  }).then(({ installationIdOf }) => require('node:worker_threads').parentPort.postMessage(installationIdOf(${JSON.stringify(dir)}))))`;
  const asking = Array.from({ length: 4 }, () => {
    const worker = new Worker(code, { eval: true });
    const answer = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.postMessage('now');
    return answer;
  });
  const ids = await Promise.all(asking);
  expect(ids).toEqual(Array(4).fill(installationIdOf(dir)));
  expect(readdirSync(dir)).toEqual(['installation-id']);
});

it('says what to do where the file holds something else', () => {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'installation-id'), '');
  expect(() => installationIdOf(dir)).toThrow(/installation-id does not hold the id of a hub. Delete it/);
});
