// What is noticed of real programs and servers while they are used.
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerLife } from '../../../lib/diagnosis/schema';
import { createLog } from '../../../lib/log';
import { createReports, type Reports } from '../../../worker/reports';
import type { DesiredServer } from '../../../worker/supervisor';
import {
  desired,
  processesWith,
  remote,
  startHttpFixture,
  stdioTarget,
  supervise,
  until,
} from '../../support/upstreams';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function begin(row: DesiredServer, stored = new Map<string, ServerLife>(), state = 'ready') {
  const { supervisor, installationId, reach } = supervise([row]);
  const reports = createReports({
    supervisor,
    answersFor: () => true,
    load: async () => new Map(structuredClone([...stored])),
    store: async (id, life) => void stored.set(id, structuredClone(life)),
    log: createLog('test', 'silent'),
    writeMs: 10,
  });
  ends.push(async () => {
    await supervisor.stop();
    await reports.close();
    expect(processesWith(installationId)).toEqual([]);
  });
  await Promise.all([supervisor.start(), reports.start()]);
  await reach(row, state);
  return { supervisor, reports, reach, stored };
}

const seen = (reports: Reports, row: DesiredServer, what: string, check: (life: ServerLife) => unknown) =>
  until(what, () => {
    const life = reports.lifeOf(row.id);
    return life && check(life) ? life : null;
  });

describe('a program', () => {
  it('its start is measured step by step, and its lists belong to it', async () => {
    const row = desired(stdioTarget('slow-start', '150'));
    const { supervisor, reports } = await begin(row);
    supervisor.listed(row.id, { tools: 12, fault: null });
    const life = await seen(reports, row, 'a start', ({ starts }) => starts[0]?.listedMs);
    const [{ spawnMs, firstByteMs, initializeMs, listedMs } = { initializeMs: 0 }] = life.starts;
    expect(spawnMs).toBeGreaterThanOrEqual(0);
    expect(firstByteMs).toBeGreaterThan(150);
    expect(initializeMs).toBeGreaterThanOrEqual(firstByteMs ?? Infinity);
    expect(listedMs).toBeGreaterThanOrEqual(initializeMs);
    expect(life.events.map(({ state }) => state)).toEqual(['starting', 'ready']);
  });

  it('progress and a cancellation that it ignored are seen', async () => {
    const row = desired(stdioTarget('good'));
    const { supervisor, reports } = await begin(row);
    expect(reports.lifeOf(row.id)).toMatchObject({ progressAt: null, cancellation: { told: 0, answered: 0 } });
    const upstream = supervisor.upstreamOf(row.id);
    await upstream.call('tools/call', { name: 'progress', arguments: {} }, { timeoutMs: 5_000, onProgress: () => {} })
      .answer;
    const call = upstream.call('tools/call', { name: 'sleep', arguments: { ms: 600 } }, { timeoutMs: 5_000 });
    call.answer.catch(() => {});
    call.cancel('not wanted');
    await seen(reports, row, 'progress', ({ progressAt }) => progressAt);
    await seen(reports, row, 'an answer all the same', ({ cancellation }) => cancellation.answered === 1);
    expect(reports.lifeOf(row.id)?.cancellation.told).toBe(1);
  });

  it('a crash is counted with its reason and time up, stands in the trail, and outlives the hub', async () => {
    const row = desired(stdioTarget('good'));
    const first = await begin(row);
    first.supervisor
      .upstreamOf(row.id)
      .call('tools/call', { name: 'exit', arguments: { code: 3 } }, { timeoutMs: 5_000 })
      .answer.catch(() => {});
    await seen(first.reports, row, 'a restart', ({ restarts, starts }) => restarts === 1 && starts.length === 2);
    for (const end of ends.splice(0)) await end();
    const { reports } = await begin(row, first.stored);
    const life = await seen(reports, row, 'a third start', ({ starts }) => starts.length === 3);
    expect(life).toMatchObject({ exits: { exited: 1 }, up: { runs: 1, totalMs: expect.any(Number) }, restarts: 1 });
    expect(life.events).toContainEqual(
      expect.objectContaining({ state: 'retrying', reason: 'exited', message: expect.stringContaining('code 3') }),
    );
  });

  it('what it asks in vain is told', async () => {
    const row = desired(stdioTarget('good'));
    const { supervisor, reports } = await begin(row);
    const args = { name: 'ask', arguments: { method: 'sampling/createMessage' } };
    await supervisor.upstreamOf(row.id).call('tools/call', args, { timeoutMs: 5_000 }).answer;
    const life = await seen(reports, row, 'a question', ({ inVain }) => inVain.length);
    expect(life.inVain[0]?.message).toContain('sampling/createMessage');
  });

  it('one that never becomes ready has no start, but its ends are counted', async () => {
    const row = desired(stdioTarget('crash-at-start'));
    const { reports } = await begin(row, new Map(), 'retrying');
    const life = await seen(reports, row, 'an end', ({ exits }) => exits.exited);
    expect(life).toMatchObject({ starts: [], up: { runs: 0 } });
  });
});

describe('a server behind a URL', () => {
  it('its HTTP answer and a session that it forgot are seen', async () => {
    const fixture = await startHttpFixture();
    ends.push(fixture.stop);
    const row = desired(remote(`${fixture.url}/redirect`));
    const { supervisor, reports } = await begin(row);
    expect(reports.lifeOf(row.id)?.http).toMatchObject({
      status: 200,
      contentType: 'application/json',
      contentEncoding: null,
      session: true,
    });
    expect(reports.lifeOf(row.id)?.starts[0]).toMatchObject({ spawnMs: null, firstByteMs: null });
    await fetch(`${fixture.url}/control/drop-sessions`, { method: 'POST' });
    await supervisor.upstreamOf(row.id).call('tools/list', undefined, { timeoutMs: 5_000 }).answer;
    await seen(reports, row, 'a lost session', ({ sessionsLost }) => sessionsLost === 1);
  });
});

it('what is noticed before the stored part is read is added to it', async () => {
  const row = desired(stdioTarget('good'));
  const { supervisor, installationId, reach } = supervise([row]);
  let give: (stored: ReadonlyMap<string, ServerLife>) => void = () => {};
  const reports = createReports({
    supervisor,
    answersFor: () => true,
    load: () => new Promise((resolve) => (give = resolve)),
    store: async () => {},
    log: createLog('test', 'silent'),
  });
  ends.push(async () => {
    await supervisor.stop();
    await reports.close();
    expect(processesWith(installationId)).toEqual([]);
  });
  const starting = reports.start();
  await supervisor.start();
  await reach(row, 'ready');
  expect(reports.lifeOf(row.id)).toBeNull();
  const at = '2026-01-01T00:00:00.000Z';
  const { emptyLife } = await import('../../../worker/reports/life');
  give(new Map([[row.id, { ...emptyLife(at), restarts: 7 }]]));
  await starting;
  expect(reports.lifeOf(row.id)).toMatchObject({ since: at, restarts: 7, starts: [expect.anything()] });
});
