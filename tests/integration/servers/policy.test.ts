// Whose instances a server has and when it runs, as settings: by REST and dashboard, from a pasted file, and as the
// supervisor gets them.
import { beforeAll, expect, it } from 'vitest';
import type { Actor } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import { applyImport, createServer, getServer, listDesired, updateServer } from '../../../lib/servers';
import type { ServerInput } from '../../../lib/servers/schema';
import { eachDatabase } from '../../support/database';
import { bench } from './support';

const stdio = (name: string, more: object = {}) => ({ name, type: 'stdio', command: 'node', ...more }) as ServerInput;

async function pointersOf(promise: Promise<unknown>) {
  const error = (await promise.then(
    () => ({}),
    (caught: unknown) => caught,
  )) as Partial<HubError>;
  return error.extras?.faults?.map(({ pointer }) => pointer);
}

eachDatabase('instance policy as settings', (kind) => {
  const { use, ctx, actor, opener } = bench(kind);
  let admin: Actor;

  beforeAll(async () => {
    admin = await actor('admin');
  });

  it('are kept, merged by a patch, taken back by null, and reach the supervisor without a restart', async () => {
    await createServer(ctx(admin), stdio('one'));
    const before = (await listDesired(use().db, {}, opener)).find(({ name }) => name === 'one');
    const policy = { isolation: 'user', startOnDemand: true, idleStopSeconds: 90, warmInstances: 2 } as const;
    await updateServer(ctx(admin), 'one', { ...policy, limits: { instances: 5 } });
    expect(await getServer(ctx(admin), 'one')).toMatchObject({ ...policy, limits: { instances: 5 } });
    const after = (await listDesired(use().db, {}, opener)).find(({ name }) => name === 'one');
    expect(after).toMatchObject({ ...policy, said: null, hash: before?.hash });
    await updateServer(ctx(admin), 'one', { isolation: null, idleStopSeconds: null, warmInstances: null });
    expect(await getServer(ctx(admin), 'one')).toMatchObject({
      isolation: 'shared',
      startOnDemand: true,
      idleStopSeconds: null,
      warmInstances: 0,
    });
  });

  it('are refused at their place where they would have no effect, or are no sensible numbers', async () => {
    const faults = (more: object) => pointersOf(createServer(ctx(admin), stdio('bad', more)));
    expect(await faults({ warmInstances: 1 })).toEqual(['/warmInstances']);
    expect(await faults({ idleStopSeconds: 10 })).toEqual(['/idleStopSeconds']);
    expect(await faults({ isolation: 'user', replicas: 2 })).toEqual(['/replicas']);
    expect(await faults({ isolation: 'nobody' })).toEqual(['/isolation']);
    expect(await faults({ startOnDemand: true, idleStopSeconds: 0 })).toEqual(['/idleStopSeconds']);
    expect(await faults({ isolation: 'user', warmInstances: 33 })).toEqual(['/warmInstances']);
    expect(await faults({ isolation: 'user', limits: { instances: 0 } })).toEqual(['/limits/instances']);
    const endpoints = [{ url: 'https://two.example/mcp', weight: 1 }];
    const remote = {
      name: 'bad',
      type: 'streamable-http',
      url: 'https://one.example/mcp',
      isolation: 'session',
      endpoints,
    };
    expect(await pointersOf(createServer(ctx(admin), remote as ServerInput))).toEqual(['/endpoints']);
  });

  it('come with an entry of a pasted file', async () => {
    const entry = { command: 'node', isolation: 'session', startOnDemand: true, idleStopSeconds: 60, warmInstances: 1 };
    await applyImport(ctx(admin), JSON.stringify({ mcpServers: { pasted: entry } }));
    expect(await getServer(ctx(admin), 'pasted')).toMatchObject(entry);
  });
});
