// Secrets at rest: sealed in every row, opened by the worker alone, bound to their place, and put under other keys while
// servers run.
import { eq, sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { auditLogs, type SealedValue, servers, vaultKeys } from '../../../drizzle/schema';
import { createKeyring } from '../../../lib/access/keyring';
import type { Actor } from '../../../lib/access/schema';
import { createOpener } from '../../../lib/access/vault/open';
import { createVault } from '../../../lib/access/vault/seal';
import {
  applyImport,
  createServer,
  getServer,
  importConfigFile,
  listDesired,
  openStandIns,
  planImport,
  requireServerTest,
  updateServer,
} from '../../../lib/servers';
import { prepareVault, rotateSecrets } from '../../../lib/servers/resealing';
import type { ServerInput } from '../../../lib/servers/schema';
import { eachDatabase, silentLog } from '../../support/database';
import { bench, codeOf, keyring } from './support';

const planted = ['planted-in-env-1234', 'planted-in-headers-5678', 'planted-in-secrets-9012', 'planted-in-auth-3456'];
const [inEnv, inHeaders, inSecrets, inAuth] = planted as [string, string, string, string];
const source = { actor: { kind: 'system', id: 'test', name: 'test' }, requestId: 'r' };
const other = createKeyring(Buffer.from('another key, of 32 bytes in all.'));

const program = (name = 'program'): Extract<ServerInput, { type: 'stdio' }> => ({
  name,
  type: 'stdio',
  command: 'x',
  env: { PASSWORD: inEnv, TOKEN: 'k ${KEY}', EMPTY: '' },
  secrets: { KEY: inSecrets, LATER: '' },
});
const remote: ServerInput = {
  name: 'remote',
  type: 'streamable-http',
  url: 'http://127.0.0.1:9/',
  headers: { 'X-Key': inHeaders },
};
const described = (name = 'described'): Extract<ServerInput, { type: 'openapi' }> => ({
  name,
  type: 'openapi',
  openapi: {
    documentUrl: 'http://127.0.0.1:9/openapi.json',
    auth: { key: { value: inAuth }, oauth: { clientId: 'me', clientSecret: 'k ${KEY}' }, other: { token: '${KEY}' } },
  },
  secrets: { KEY: inSecrets },
});

eachDatabase('secrets at rest', (kind) => {
  const { use, ctx, actor, parts, opener, vault } = bench(kind);
  let admin: Actor;

  beforeEach(async () => {
    admin ??= await actor('admin');
  });
  afterEach(async () => {
    await use().db.delete(servers);
    await use().db.delete(vaultKeys);
  });

  const desired = async (name: string, by = opener) => {
    const found = (await listDesired(use().db, {}, by)).find((each) => each.name === name);
    if (!found) throw new Error(`no ${name}`);
    return found;
  };
  const stored = async (name: string) => {
    const [row] = await use().db.select().from(servers).where(eq(servers.name, name));
    if (!row) throw new Error(`no ${name}`);
    return row;
  };
  const sealedOf = async (name: string, variable: string) => (await stored(name)).env[variable] as SealedValue;
  const prepare = (more = {}) =>
    prepareVault({ db: use().db, vault, keyring, previous: null, log: silentLog, ...more });

  it('no table holds a planted value, whichever way it came, and the worker gets it all the same', async () => {
    await createServer(ctx(admin), program());
    await createServer(ctx(admin), remote);
    await createServer(ctx(admin), described());
    await updateServer(ctx(admin), 'remote', { headers: { More: inHeaders } });
    await applyImport(
      ctx(admin),
      JSON.stringify({ mcpServers: { pasted: { command: 'x', env: { PASSWORD: inEnv } } } }),
    );
    const { name: _name, ...entry } = described();
    const file = JSON.stringify({
      mcpServers: { filed: { url: 'http://h/', headers: { 'X-Key': inHeaders } }, 'filed-api': entry },
    });
    await importConfigFile(parts(), '/mcp.json', file);
    await rotateSecrets(use().db, keyring, source);

    const names = await use().db.execute<{ name: string }>(
      sql`select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
        where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
    );
    expect(names.length).toBeGreaterThan(10);
    for (const { name } of names) {
      const rows = await use().db.execute(sql.raw(`select t::text as row from ${name} t`));
      expect([name, planted.filter((value) => JSON.stringify(rows).includes(value))]).toEqual([name, []]);
    }
    expect(await desired('program')).toMatchObject({
      env: { PASSWORD: inEnv, TOKEN: `k ${inSecrets}`, EMPTY: '' },
      fault: null,
    });
    expect((await desired('remote')).headers).toEqual({ 'X-Key': inHeaders, More: inHeaders });
    expect((await desired('pasted')).env).toEqual({ PASSWORD: inEnv });
    expect((await desired('filed')).headers).toEqual({ 'X-Key': inHeaders });
    const auth = {
      key: { value: inAuth },
      oauth: { clientId: 'me', clientSecret: `k ${inSecrets}` },
      other: { token: inSecrets },
    };
    expect((await desired('described')).openapi?.auth).toEqual(auth);
    expect((await desired('filed-api')).openapi?.auth).toEqual(auth);
  });

  it('credentials of an OpenAPI server: shown masked, kept by their mask, tested with, replaced, sealed when they were text', async () => {
    const made = await createServer(ctx(admin), described());
    expect(made.openapi?.auth).toEqual({
      key: { value: '***3456' },
      oauth: { clientId: 'me', clientSecret: '***${KEY}' },
      other: { token: '${KEY}' },
    });
    const before = await stored('described');
    await updateServer(ctx(admin), 'described', { openapi: { auth: made.openapi?.auth } });
    await updateServer(ctx(admin), 'described', { description: 'new', openapi: { baseUrl: 'http://127.0.0.1:9/v1' } });
    expect((await stored('described')).openapi?.auth).toEqual(before.openapi?.auth);
    expect(await codeOf(updateServer(ctx(admin), 'described', { secrets: { KEY: null } }))).toBe('INVALID_INPUT');
    const tested = await requireServerTest(ctx(admin), 'described', {
      openapi: { auth: { key: { value: '***3456' } } },
    });
    expect(JSON.stringify(tested)).not.toContain('planted');
    if (!('server' in tested)) throw new Error('no settings');
    const filled = await openStandIns(use().db, opener, tested.of ?? '', tested.server);
    expect(filled).toMatchObject({ openapi: { auth: { key: { value: inAuth } } } });
    await updateServer(ctx(admin), 'described', { openapi: { auth: { key: { value: 'another value' } } } });
    expect((await desired('described')).openapi?.auth).toEqual({ key: { value: 'another value' } });
    const audit = await use().db.select().from(auditLogs).where(eq(auditLogs.resourceName, 'described'));
    expect(JSON.stringify(audit)).not.toMatch(/planted|another value|sealed/);

    const text = { ...described().openapi };
    await use().db.update(servers).set({ openapi: text }).where(eq(servers.name, 'described'));
    const { hash } = await desired('described');
    await prepare();
    expect(JSON.stringify(await stored('described'))).not.toContain('planted');
    expect((await desired('described')).hash).toBe(hash);
    expect((await desired('described', createOpener(other))).fault).toContain('"openapi.auth.key.value"');
  });

  it('shows the last 4 characters of long values, and none of short ones', async () => {
    const made = await createServer(ctx(admin), { ...program(), env: { LONG: inEnv, SHORT: 'eleven-char' } });
    expect(made.env).toEqual({ LONG: '***1234', SHORT: '***' });
    const { env } = await stored('program');
    expect((env.SHORT as SealedValue).mask).toBe('***');
    expect((env.LONG as SealedValue).sealed).toMatch(/^v1\.k1(\.[\w-]+){4}$/);
  });

  it('a changed bit of any part, another row, column or name: it does not open, and the server says which', async () => {
    await createServer(ctx(admin), program());
    await createServer(ctx(admin), program('second'));
    const { sealed } = await sealedOf('program', 'PASSWORD');
    const { id } = await stored('program');
    const open = await createOpener(keyring).begin(use().db);
    const place = { table: 'servers', rowId: id, column: 'env.PASSWORD' };
    expect(open(place, sealed)).toBe(inEnv);
    const parts = sealed.split('.');
    for (const [at, part] of parts.entries()) {
      const bytes = Buffer.from(part, at < 2 ? 'utf8' : 'base64url');
      for (const position of [0, bytes.length >> 1, bytes.length - 1]) {
        const flipped = Buffer.from(bytes);
        flipped[position] = (flipped[position] ?? 0) ^ 1;
        const text = parts.with(at, flipped.toString(at < 2 ? 'utf8' : 'base64url')).join('.');
        expect([at, position, open(place, text)]).toEqual([at, position, null]);
      }
    }
    for (const elsewhere of [{ rowId: (await stored('second')).id }, { column: 'env.TOKEN' }, { table: 'groups' }]) {
      expect(open({ ...place, ...elsewhere }, sealed)).toBeNull();
    }

    const { env } = await stored('second');
    await use().db.update(servers).set({ env }).where(eq(servers.name, 'program'));
    const swapped = await desired('program', createOpener(keyring));
    expect(swapped.fault).toMatch(/^"env.PASSWORD", "env.TOKEN" cannot be opened: they were sealed with another/);
    expect(JSON.stringify(swapped)).not.toContain(inEnv);
  });

  it('a value that comes back masked stays the same envelope, and the same value sent anew changes nothing', async () => {
    await createServer(ctx(admin), program());
    const before = await stored('program');
    const { hash } = await desired('program');
    const again = { env: { PASSWORD: '***1234', TOKEN: 'k ${KEY}' }, secrets: { KEY: inSecrets }, description: 'new' };
    await updateServer(ctx(admin), 'program', again);
    const after = await stored('program');
    expect([after.env, after.secrets, after.description]).toEqual([before.env, before.secrets, 'new']);
    await updateServer(ctx(admin), 'program', { env: { PASSWORD: `${inEnv}x` } });
    expect((await sealedOf('program', 'PASSWORD')).mark).not.toBe((before.env.PASSWORD as SealedValue).mark);
    expect((await desired('program')).hash).not.toBe(hash);
  });

  it('rules that look at values hold for sealed ones: references, and what fits into a header', async () => {
    await createServer(ctx(admin), program());
    expect(await codeOf(updateServer(ctx(admin), 'program', { secrets: { KEY: null } }))).toBe('INVALID_INPUT');
    expect(await codeOf(updateServer(ctx(admin), 'program', { env: { TOKEN: null }, secrets: { KEY: null } }))).toBe(
      'none',
    );
    await createServer(ctx(admin), { ...remote, secrets: { LINES: 'one\ntwo' } });
    expect(await codeOf(updateServer(ctx(admin), 'remote', { headers: { A: '${LINES}' } }))).toBe('INVALID_INPUT');
    expect(
      await codeOf(updateServer(ctx(admin), 'remote', { secrets: { LINES: 'one' }, headers: { A: '${LINES}' } })),
    ).toBe('none');
  });

  it('an import says "unchanged" of what is sealed already, and the file rewrites no row', async () => {
    const text = JSON.stringify({ mcpServers: { pasted: { command: 'x', env: { PASSWORD: inEnv } } } });
    await applyImport(ctx(admin), text);
    expect((await planImport(ctx(admin), text)).rows[0]?.state).toBe('unchanged');
    expect((await planImport(ctx(admin), text.replace(inEnv, 'else'))).rows[0]?.state).toBe('conflict');
    await importConfigFile(parts(), '/mcp.json', text.replace('pasted', 'filed'));
    await rotateSecrets(use().db, keyring, source);
    expect(await importConfigFile(parts(), '/mcp.json', text.replace('pasted', 'filed'))).toMatchObject({
      updated: [],
    });
    expect((await planImport(ctx(admin), text)).rows[0]?.state).toBe('unchanged');
  });

  it('a test of changed settings runs with the stored values, which only the worker puts in', async () => {
    await createServer(ctx(admin), program());
    const tested = await requireServerTest(ctx(admin), 'program', { env: { MORE: 'more', PASSWORD: '***1234' } });
    expect(JSON.stringify(tested)).not.toContain('planted');
    if (!('server' in tested)) throw new Error('no settings');
    const filled = await openStandIns(use().db, opener, tested.of ?? '', tested.server);
    expect(filled).toMatchObject({ env: { PASSWORD: inEnv, MORE: 'more' }, secrets: { KEY: inSecrets } });
    expect(await codeOf(openStandIns(use().db, createOpener(other), tested.of ?? '', tested.server))).toBe('CONFLICT');
  });

  it('a rotation puts all under a new key, restarts none, changes no version, and is in the audit trail', async () => {
    await createServer(ctx(admin), program());
    const before = { row: await stored('program'), hash: (await desired('program')).hash };
    expect(await rotateSecrets(use().db, keyring, source)).toEqual({ key: 'k2', values: 3, closed: 0 });
    const after = await stored('program');
    const { sealed } = after.env.PASSWORD as SealedValue;
    expect(sealed).toMatch(/^v1\.k2\./);
    // Only the wrapped key is another one.
    expect(sealed.split('.').slice(3)).toEqual((before.row.env.PASSWORD as SealedValue).sealed.split('.').slice(3));
    expect([after.version, after.updatedAt]).toEqual([before.row.version, before.row.updatedAt]);
    expect(await desired('program', createOpener(keyring))).toMatchObject({ hash: before.hash, fault: null });
    const audit = await use().db.select().from(auditLogs).where(eq(auditLogs.action, 'secrets.rotated'));
    expect(audit.at(-1)).toMatchObject({ actor: 'test', resourceName: 'k2' });
    await rotateSecrets(use().db, keyring, source);
    expect((await desired('program')).env.PASSWORD).toBe(inEnv);
  });

  it('what was sealed under an older key opens after a rotation that did not reach it', async () => {
    await createServer(ctx(admin), program());
    const { env } = await stored('program');
    await rotateSecrets(use().db, keyring, source);
    await use().db.update(servers).set({ env }).where(eq(servers.name, 'program'));
    expect((await desired('program', createOpener(keyring))).env.PASSWORD).toBe(inEnv);
  });

  it('edits during rotations lose nothing', async () => {
    const names = Array.from({ length: 8 }, (_, at) => `server-${at}`);
    for (const name of names) await createServer(ctx(admin), program(name));
    const edits = names.map(async (name, at) => {
      for (let round = 0; round < 4; round++) {
        await updateServer(ctx(admin), name, { env: { [`ROUND_${round}`]: `value-${at}-${round}` } });
      }
    });
    const rotations = (async () => {
      for (let round = 0; round < 4; round++) await rotateSecrets(use().db, keyring, source);
    })();
    await Promise.all([...edits, rotations]);
    for (const [at, name] of names.entries()) {
      const rounds = Object.fromEntries([0, 1, 2, 3].map((round) => [`ROUND_${round}`, `value-${at}-${round}`]));
      expect(await desired(name)).toMatchObject({ env: { PASSWORD: inEnv, ...rounds }, fault: null });
    }
  });

  it('rows from before are sealed at the next start, once, and keep their version', async () => {
    const { id } = await createServer(ctx(admin), program());
    const text = { env: { PASSWORD: inEnv, EMPTY: '' }, secrets: { KEY: inSecrets } };
    await use().db.update(servers).set(text).where(eq(servers.id, id));
    await use().db.delete(vaultKeys);
    const before = await stored('program');
    const { hash } = await desired('program');
    expect((await getServer(ctx(admin), 'program')).env).toEqual({ PASSWORD: '***1234', EMPTY: '***' });
    await prepare();
    const after = await stored('program');
    expect(JSON.stringify(after)).not.toContain('planted');
    expect([after.version, after.updatedAt]).toEqual([before.version, before.updatedAt]);
    expect(await desired('program')).toMatchObject({ env: text.env, hash });
    await prepare();
    expect(await stored('program')).toEqual(after);
  });

  it('a start that is cut short while it seals has changed nothing, and the next one seals all', async () => {
    const text = { env: { PASSWORD: inEnv }, secrets: { KEY: inSecrets } };
    for (const name of ['first', 'second', 'third']) {
      const { id } = await createServer(ctx(admin), program(name));
      await use().db.update(servers).set(text).where(eq(servers.id, id));
    }
    let sealed = 0;
    const dying = {
      ...vault,
      async sealer(db: Parameters<typeof vault.sealer>[0]) {
        const sealer = await vault.sealer(db);
        const seal: typeof sealer.seal = (...given) => {
          // Each row has two: it ends in the middle of the second.
          if (++sealed > 3) throw new Error('the power is gone');
          return sealer.seal(...given);
        };
        return { ...sealer, seal };
      },
    };
    await expect(prepare({ vault: dying })).rejects.toThrow('the power is gone');
    expect(sealed).toBe(4);
    for (const name of ['first', 'second', 'third']) expect(await stored(name)).toMatchObject(text);
    await prepare();
    for (const name of ['first', 'second', 'third']) {
      expect(JSON.stringify(await stored(name))).not.toContain('planted');
      expect(await desired(name, createOpener(keyring))).toMatchObject({ env: text.env, fault: null });
    }
  });

  it('with the wrong master key the hub begins, flags what does not open, and what is entered again works', async () => {
    await createServer(ctx(admin), program());
    const wrong = { vault: createVault(other), keyring: other };
    await prepare(wrong);
    expect((await desired('program', createOpener(other))).fault).toContain(
      '"env.PASSWORD", "env.TOKEN", "secrets.KEY"',
    );
    const asWrong = { ...ctx(admin), vault: wrong.vault };
    await updateServer(asWrong, 'program', { env: { PASSWORD: 'entered again', TOKEN: 'and this' } });
    const flagged = await desired('program', createOpener(other));
    expect(flagged.fault).toMatch(/^"secrets.KEY" cannot be opened: it was sealed/);
    await updateServer(asWrong, 'program', { secrets: { KEY: null } });
    expect(await desired('program', createOpener(other))).toMatchObject({
      env: { PASSWORD: 'entered again', TOKEN: 'and this' },
      fault: null,
    });
    // Nothing was deleted: with the right key again, what it sealed opens again.
    await createServer(ctx(admin), program('right'));
    expect((await desired('right', createOpener(keyring))).env.PASSWORD).toBe(inEnv);
    expect((await desired('program', createOpener(keyring))).fault).toContain('"env.PASSWORD"');
  });

  it('a change of the master key moves all under the new one, and nothing restarts', async () => {
    await createServer(ctx(admin), program());
    const { hash } = await desired('program');
    const row = await stored('program');
    const changed = { vault: createVault(other), keyring: other, previous: keyring };
    await prepare(changed);
    await prepare(changed);
    expect(await stored('program')).toEqual(row);
    expect(await desired('program', createOpener(other))).toMatchObject({
      hash,
      fault: null,
      env: { PASSWORD: inEnv },
    });
    expect((await desired('program', createOpener(keyring))).fault).toContain('cannot be opened');
    const unchanged = { ...ctx(admin), vault: createVault(other) };
    await updateServer(unchanged, 'program', { env: { PASSWORD: inEnv } });
    expect((await stored('program')).env).toEqual(row.env);
  });

  it('of programs that make the first key at once, all seal with the same one', async () => {
    const made = Array.from({ length: 6 }, (_, at) =>
      createServer({ ...ctx(admin), vault: createVault(keyring) }, program(`at-once-${at}`)),
    );
    await Promise.all(made);
    expect((await use().db.select().from(vaultKeys)).map(({ id }) => id).sort()).toEqual(['k1', 'm1']);
    for (const each of await listDesired(use().db, {}, opener)) expect(each.fault).toBeNull();
  });
});
