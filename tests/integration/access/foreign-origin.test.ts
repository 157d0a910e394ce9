// Every route handler that writes, asked by a browser that is signed in but on a page of another site: refused, and
// nothing is written. The routes are found on the disk, so a new one is held as soon as it exists.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NextRequest } from 'next/server';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { keyring } from '../../../app/_server/hub';
import { auditLogs } from '../../../drizzle/schema';
import { parseEnv } from '../../../lib/env';
import { singleton } from '../../../lib/singleton';
import { root as repository } from '../../../scripts/prepare.mjs';
import { signedInBrowser } from '../../support/signed-in';
import { accessFixture } from './fixture';

const host = '127.0.0.1:3000';
const writing = ['POST', 'PUT', 'PATCH', 'DELETE'];
/** Passes requests to the worker, which knows no cookie; tests of the door hold what it asks of an Origin. */
const ofTheWorker = 'api/mcp/';

const files = readdirSync(join(repository, 'app'), { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('route.ts') && !file.startsWith(ofTheWorker),
);
const dataDir = mkdtempSync(join(tmpdir(), 'mcphub-origin-'));

/** What a page of another site, or a sandboxed frame, makes a browser send; the last one hides where it comes from. */
const foreign: Record<string, string>[] = [
  { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  { origin: 'http://127.0.0.1:3000.evil.example' },
  { origin: 'null', 'sec-fetch-site': 'cross-site' },
  { origin: `http://${host}`, 'x-forwarded-host': 'evil.example' },
  { 'sec-fetch-site': 'cross-site' },
  {},
];

describe('a write from another site', () => {
  const fixture = accessFixture('embedded');
  let cookie: string;

  beforeEach(async () => {
    (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
    singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
    singleton('web.database', () => Promise.resolve(fixture.database));
    singleton('web.bus', () => fixture.bus);
    const root = await fixture.addUser('root', 'admin');
    ({ cookie } = await signedInBrowser(fixture.database.db, keyring(), root.actor.id));
  });
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  it.each(files)('is refused by %s', async (file) => {
    const handlers = await import(/* @vite-ignore */ join(repository, 'app', file));
    const path = `/${file.replace(/\/route\.ts$/, '').replace(/\[+(?:\.\.\.)?(\w+)\]+/g, 'x')}`;
    const names = [...file.matchAll(/\[+(?:\.\.\.)?(\w+)\]+/g)].map(([, name]) => name ?? '');
    const params = Object.fromEntries(names.map((name) => [name, name === 'nextauth' ? ['signout'] : 'x']));
    const answers: string[] = [];
    const before = (await fixture.database.db.select().from(auditLogs)).length;
    for (const method of writing) {
      const handler = handlers[method];
      // Next itself answers a method that a file does not have.
      if (!handler) continue;
      for (const headers of foreign) {
        const request = new NextRequest(`http://${host}${path}`, {
          method,
          headers: { host, cookie, 'content-type': 'application/json', ...headers },
          body: '{}',
        });
        const { status } = await handler(request, { params: Promise.resolve(params) });
        answers.push(`${method} ${status}`);
      }
    }
    expect(answers.filter((answer) => !/ (403|405)$/.test(answer))).toEqual([]);
    expect(await fixture.database.db.select().from(auditLogs)).toHaveLength(before);
  });
});

it('there are routes, and some of them write', async () => {
  expect(files.length).toBeGreaterThan(40);
  const all = await Promise.all(files.map((file) => import(/* @vite-ignore */ join(repository, 'app', file))));
  expect(all.filter((handlers) => writing.some((method) => handlers[method])).length).toBeGreaterThan(30);
});
