// Rows that may not be: the same reason by whichever way they come, nothing of them is kept, and one that got into the
// database all the same is refused again before it is started.
import { eq } from 'drizzle-orm';
import { afterEach, expect, it } from 'vitest';
import { groups, servers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import {
  applyImport,
  createGroup,
  createServer,
  importConfigFile,
  planImport,
  updateServer,
} from '../../../lib/servers';
import { desiredOf } from '../../../lib/servers/desired';
import { openRow } from '../../../lib/servers/opened';
import type { ServerRow } from '../../../lib/servers/rows';
import type { ServerInput, ServerPatch } from '../../../lib/servers/schema';
import { bench } from './support';

const { use, parts, ctx, actor } = bench('embedded');
const plain = (row: ServerRow) => openRow(row, () => null).row;

const many = (count: number, text: string) => Array.from({ length: count }, () => text);
const variables = (count: number, bytes: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`V${at}`, 'x'.repeat(bytes)]));
const addresses = [
  'http://169.254.169.254/latest/meta-data',
  'http://2852039166/',
  'http://0xa9.0xfe.0xa9.0xfe/',
  'http://0251.0376.0251.0376/',
  'http://169.254.43518/',
  'http://[::ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://metadata.google.internal/computeMetadata/v1/',
  'http://METADATA.google.internal./',
  'http://100.100.100.200/',
];

type Row = Record<string, unknown>;
/** What is wrong, the settings beside the name, where the fault is, and its words. */
const rows: [what: string, settings: Row, pointer: string, detail: RegExp][] = [
  ['a folder that climbs out [F-ROW-02]', { command: 'x', cwd: '../../etc' }, '/cwd', /lead out by/],
  ['a folder that climbs out later [F-ROW-02]', { command: 'x', cwd: 'a/../../b' }, '/cwd', /lead out by/],
  ['a folder with a line break [F-ROW-06]', { command: 'x', cwd: '/srv\n/x' }, '/cwd', /control characters/],
  ['a command with a line break [F-ROW-06]', { command: 'x\nrm' }, '/command', /control characters/],
  ['10,000 arguments [F-ROW-04]', { command: 'x', args: many(10_000, 'a') }, '/args', /<=256/],
  [
    'arguments of 1 MB [F-ROW-04]',
    { command: 'x', args: many(127, 'y'.repeat(8_192)) },
    '/args',
    /too large.*101\d KiB/,
  ],
  ['an environment of 1 MB [F-ROW-04]', { command: 'x', env: variables(127, 8_100) }, '/env', /too large.*KiB/],
  ['a variable of 1 MB [F-ROW-04]', { command: 'x', env: { V: 'x'.repeat(1_040_000) } }, '/env/V', /<=8192/],
  ['"=" in a name [F-ROW-06]', { command: 'x', env: { 'A=B': 'c' } }, '/env/A=B', /not a legal name/],
  ['a line break in a name [F-ROW-06]', { command: 'x', env: { 'A\nB': 'c' } }, '/env/A\nB', /not a legal name/],
  ['a name of ours [F-ROW-06]', { command: 'x', env: { MCPHUB_INSTANCE: 'c' } }, '/env/MCPHUB_INSTANCE', /by the hub/],
  ['NUL in an argument [F-ROW-06]', { command: 'x', args: ['a\0b'] }, '/args/0', /NUL/],
  ['NUL in a value [F-ROW-06]', { command: 'x', env: { A: 'b\0c' } }, '/env/A', /NUL/],
  ['NUL in the command [F-ROW-06]', { command: 'x\0y' }, '/command', /NUL|control/],
  ...addresses.map((url): (typeof rows)[number] => [`${url} [F-ROW-03]`, { url }, '/url', /address not allowed/]),
  ['credentials in a URL [F-ROW-03]', { url: 'http://user:pass@host/' }, '/url', /credentials into headers/],
  ['a password alone in a URL [F-ROW-03]', { url: 'http://:pass@host/' }, '/url', /credentials into headers/],
  [
    'a refused address among others [F-ROW-03]',
    { url: 'http://host/', endpoints: [{ url: 'http://169.254.169.254/' }] },
    '/endpoints/0/url',
    /address not allowed/,
  ],
];

const typed = (settings: Row) => ({ type: 'command' in settings ? 'stdio' : 'streamable-http', ...settings });
let admin: Actor;

afterEach(async () => {
  await use().db.delete(servers);
  await use().db.delete(groups);
});

const names = async () => (await use().db.select({ name: servers.name }).from(servers)).map(({ name }) => name);

it.each(rows)('%s', async (_what, settings, pointer, detail) => {
  admin ??= await actor('admin');
  const fault = { pointer, detail: expect.stringMatching(detail) };
  const refused = (promise: Promise<unknown>) => promise.catch((caught: HubError) => caught);

  const created = await refused(createServer(ctx(admin), { name: 'bad', ...typed(settings) } as ServerInput));
  expect(created).toMatchObject({ code: 'INVALID_INPUT', extras: { faults: expect.arrayContaining([fault]) } });

  const good = 'command' in settings ? { command: 'good' } : { url: 'http://good/' };
  await createServer(ctx(admin), { name: 'kept', ...typed(good) } as ServerInput);
  const [before] = await use().db.select().from(servers);
  const changed = await refused(updateServer(ctx(admin), 'kept', settings as ServerPatch));
  expect(changed).toMatchObject({ code: 'INVALID_INPUT' });
  expect(await use().db.select().from(servers)).toEqual([before]);

  const text = JSON.stringify({ mcpServers: { bad: settings, fine: { command: 'fine' } } });
  const { rows: planned } = await planImport(ctx(admin), text);
  expect(planned.map(({ name, state }) => [name, state])).toEqual([
    ['bad', 'invalid'],
    ['fine', 'add'],
  ]);
  expect(planned[0]?.warnings.join()).toMatch(detail);
  expect(await applyImport(ctx(admin), text)).toMatchObject({ created: ['fine'], skipped: ['bad'] });

  const file = JSON.stringify({ mcpServers: { bad: settings, 'fine-too': { command: 'fine' } } });
  const { faults, created: fromFile } = await importConfigFile(parts(), '/mcp.json', file);
  expect(faults.join()).toMatch(detail);
  expect(fromFile).toEqual(['fine-too']);
  expect((await names()).sort()).toEqual(['fine', 'fine-too', 'kept']);
});

it.each([
  ['a folder that climbs out [F-ROW-02]', { cwd: '../../etc' }, /"cwd" must not lead out/],
  ['a command with a line break [F-ROW-06]', { command: 'x\ny' }, /"command" must not contain line breaks/],
  ['too large an environment [F-ROW-04]', { env: variables(400, 1_000) }, /"env" is too large/],
  ['too many arguments [F-ROW-04]', { args: many(300_000, 'a') }, /"args" is too large/],
  ['"=" in a name [F-ROW-06]', { env: { 'A=B': 'c' } }, /"env.A=B" is not a legal name/],
  ['a variable that loads code [F-ROW-06]', { env: { LD_PRELOAD: '/x' } }, /"env.LD_PRELOAD" .*foreign code/],
  ['a refused address [F-ROW-03]', { url: 'http://169.254.169.254/' }, /"url" address not allowed/],
])('a stored row with %s is not started', async (_what, change, fault) => {
  admin ??= await actor('admin');
  await createServer(ctx(admin), { name: 'stored', type: 'stdio', command: 'x' });
  await use().db.update(servers).set(change).where(eq(servers.name, 'stored'));
  const [row] = await use().db.select().from(servers);
  expect(desiredOf(plain(row as NonNullable<typeof row>), {}).fault).toMatch(fault);
});

it('what references of the servers file stand for is looked at when they are filled in [F-ROW-02, F-ROW-03, F-ROW-07]', async () => {
  const file = JSON.stringify({
    mcpServers: {
      climbs: { command: 'x', cwd: '${WHERE}/x' },
      metadata: { url: 'http://${HOST}/' },
      credentials: { url: 'http://${USER_AND_PASSWORD}@host/' },
      good: { command: 'x', cwd: '${HOME}/x' },
    },
  });
  expect((await importConfigFile(parts(), '/mcp.json', file)).faults).toEqual([]);
  const variables = { WHERE: '../..', HOST: '0xa9fea9fe', USER_AND_PASSWORD: 'a:b', HOME: '/home/me' };
  const stored = await use().db.select().from(servers).orderBy(servers.name);
  expect(stored.map((row) => [row.name, desiredOf(plain(row), variables).fault])).toEqual([
    ['climbs', expect.stringContaining('lead out by')],
    ['credentials', expect.stringContaining('without credentials')],
    ['good', null],
    ['metadata', expect.stringContaining('address not allowed')],
  ]);
});

it('a full path is asked for where nobody can tell what a relative one is relative to [F-ROW-02]', async () => {
  admin ??= await actor('admin');
  const promise = createServer(ctx(admin), { name: 'bad', type: 'stdio', command: 'x', cwd: 'tools' });
  await expect(promise).rejects.toMatchObject({
    extras: { faults: [{ pointer: '/cwd', detail: expect.stringContaining('full path') }] },
  });
});

it('names that differ only in case or in look-alike characters are refused, others made legal with a clean label [F-ROW-05]', async () => {
  admin ??= await actor('admin');
  const { id } = await createServer(ctx(admin), { name: 'GIthub-0', type: 'stdio', command: 'x' });
  await createServer(ctx(admin), { name: 'other', type: 'stdio', command: 'x' });
  await createGroup(ctx(admin), { name: 'Team_1' });
  const refusals = [
    ['GIthub-0', 'CONFLICT', 'is taken by the server "GIthub-0"'],
    ['github-0', 'INVALID_INPUT', 'differs from the name of the server "GIthub-0" only in case'],
    ['GITHUB-0', 'INVALID_INPUT', 'differs from the name of the server "GIthub-0" only in case'],
    ['Glthub-O', 'INVALID_INPUT', 'differs from the name of the server "GIthub-0" only in characters that look alike'],
    ['g1thub_o', 'INVALID_INPUT', 'differs from the name of the server "GIthub-0" only in characters that look alike'],
    ['Team_1', 'CONFLICT', 'is taken by the group "Team_1"'],
    ['team_1', 'INVALID_INPUT', 'differs from the name of the group "Team_1" only in case'],
    ['Team-l', 'INVALID_INPUT', 'differs from the name of the group "Team_1" only in characters that look alike'],
  ] as const;
  for (const [name, code, detail] of refusals) {
    const refusal = { code, extras: { faults: [{ pointer: '/name', detail }] } };
    await expect(createServer(ctx(admin), { name, type: 'stdio', command: 'x' })).rejects.toMatchObject(refusal);
    await expect(updateServer(ctx(admin), 'other', { name })).rejects.toMatchObject(refusal);
    await expect(createGroup(ctx(admin), { name })).rejects.toMatchObject(refusal);
  }
  // Its own name may change its case, and only that which nobody else has.
  expect(await updateServer(ctx(admin), 'GIthub-0', { name: 'GITHUB-0' })).toMatchObject({ id, name: 'GITHUB-0' });
  expect(await updateServer(ctx(admin), 'GITHUB-0', { name: 'GIthub-0' })).toMatchObject({ id, name: 'GIthub-0' });
  // Cyrillic а and ѕ, full width, a zero-width space, right-to-left override.
  for (const name of ['pаypal', 'ｇithub', 'git\u200bhub', 'a\u202eb', 'ѕse', 'name\n']) {
    await expect(createServer(ctx(admin), { name, type: 'stdio', command: 'x' })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      extras: { faults: [{ pointer: '/name' }] },
    });
  }
  expect((await names()).sort()).toEqual(['GIthub-0', 'other']);
});

it('of two who take names that look alike at once, one gets it [F-ROW-05]', async () => {
  admin ??= await actor('admin');
  const wanted = ['pool-10', 'pool-lO', 'Pool-10', 'pool_IO'];
  const results = await Promise.allSettled(
    wanted.map((name) => createServer(ctx(admin), { name, type: 'stdio', command: 'x' })),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await names()).toHaveLength(1);
});

it('an import offers another name for one that looks like another, and warns of what is only alike [F-ROW-05, F-ROW-07]', async () => {
  admin ??= await actor('admin');
  await createServer(ctx(admin), { name: 'GIthub-0', type: 'stdio', command: 'x' });
  const text = JSON.stringify({
    mcpServers: {
      'Glthub-O': { command: 'y' },
      github0: { command: 'z' },
      team1: { command: 'z' },
      teamI: { command: 'z' },
      'evil\u202e\u200bname': { command: 'w' },
    },
  });
  const { rows: planned } = await planImport(ctx(admin), text);
  expect(planned.map(({ name, label, state, warnings }) => [name, label, state, warnings])).toEqual([
    [
      'Glthub-O',
      null,
      'conflict',
      [expect.stringContaining('differs from the name of the server "GIthub-0" only in characters that look alike')],
    ],
    ['github0', null, 'add', []],
    ['team1', null, 'add', []],
    ['teamI-2', 'teamI', 'add', []],
    ['evil-name', 'evilname', 'add', []],
  ]);
  await expect(applyImport(ctx(admin), text, { 'Glthub-O': 'overwrite' })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
  expect(await applyImport(ctx(admin), text)).toMatchObject({ skipped: ['Glthub-O'] });
  expect(await applyImport(ctx(admin), text, { 'Glthub-O': 'rename' })).toMatchObject({ created: ['Glthub-O-2'] });
  const file = JSON.stringify({ mcpServers: { 'GIthub-O': { command: 'x' }, 'team-I': { command: 'x' } } });
  const { faults, created } = await importConfigFile(parts(), '/mcp.json', file);
  expect(faults).toEqual([expect.stringMatching(/"GIthub-O" is left out, because its name differs from .*look alike/)]);
  expect(created).toEqual(['team-I']);
});
