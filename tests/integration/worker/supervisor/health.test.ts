// Health checks of real servers: who is asked, what a failure does, and how it is shown. The clock runs a hundred times
// as fast, so that an interval of 5 s takes 50 ms.
import { afterEach, describe, expect, it } from 'vitest';
import type { DesiredServer } from '../../../../worker/supervisor';
import { startApi } from '../../../support/api-server';
import {
  desired,
  processesWith,
  remote,
  startHttpFixture,
  stdioTarget,
  supervise,
  until,
} from '../../../support/upstreams';

const running: ReturnType<typeof supervise>[] = [];
const fixtures: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
  await Promise.all(fixtures.splice(0).map((fixture) => fixture.stop()));
}, 20_000);

const pace = 100;
const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms: number, run: () => void) {
    const timer = setTimeout(run, ms / pace);
    return () => clearTimeout(timer);
  },
};
const healthCheck = { intervalSeconds: 5, timeoutSeconds: 1 };

async function begin(rows: DesiredServer[]) {
  const made = supervise(rows, { clock });
  running.push(made);
  await made.supervisor.start();
  const instances = (row: DesiredServer) => made.supervisor.status(row.id)?.instances ?? [];
  const allReady = (row: DesiredServer, count = row.replicas) =>
    until(`${count} instances`, () => made.supervisor.status(row.id)?.ready === count);
  return { ...made, instances, allReady };
}

describe('a health check', () => {
  it('of an OpenAPI server asks the base address of its API: any answer below 500 is one', async () => {
    const api = await startApi();
    fixtures.push({ stop: api.close });
    let status = 404;
    let isAway = false;
    api.on('/v1', (request, response) => {
      if (isAway) response.socket?.destroy();
      else response.writeHead(request.method === 'HEAD' && status === 204 ? 501 : status).end();
    });
    const text = JSON.stringify({
      openapi: '3.0.3',
      info: { title: 'Pets', version: '1' },
      servers: [{ url: `${api.url}/v1` }],
      security: [{ key: [] }],
      paths: { '/pets': { get: { operationId: 'listPets' } } },
      components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-Key' } } },
    });
    const target = { ...remote(''), type: 'openapi' as const, url: null };
    const openapi = { auth: { key: { value: 'planted-key' } } };
    const row = desired(target, { healthCheck, openapi } as Partial<DesiredServer>);
    const made = supervise([row], {
      clock,
      documentsOf: () => ({ load: async () => text, save: async () => {} }),
    });
    running.push(made);
    await made.supervisor.start();
    const health = () => made.supervisor.status(row.id)?.instances[0]?.health;
    await until('a good check', () => health()?.ok === true);
    expect(api.last()).toMatchObject({ method: 'HEAD', url: '/v1' });
    expect(JSON.stringify(api.seen)).not.toContain('planted-key');
    status = 503;
    await until('a failed check', () => health()?.ok === false);
    await until('the end', () => made.supervisor.status(row.id)?.lastExit?.reason === 'unhealthy');
    // What does not know HEAD is asked by GET.
    status = 204;
    await until('a good check again', () => health()?.ok === true);
    expect(api.last()).toMatchObject({ method: 'GET', url: '/v1' });
    isAway = true;
    await until('a failed check again', () => health()?.ok === false);
  });

  it('that is answered is shown, and one that is not wanted is not made', async () => {
    const rows = [desired(stdioTarget('good'), { healthCheck }), desired(stdioTarget('good'))] as const;
    const { instances, allReady } = await begin([...rows]);
    for (const row of rows) await allReady(row);
    await until('a check', () => instances(rows[0])[0]?.health?.ok === true);
    const first = instances(rows[0])[0]?.health?.at;
    await until('another', () => instances(rows[0])[0]?.health?.at !== first);
    expect(instances(rows[0])[0]?.health).toMatchObject({ failures: 0 });
    expect(instances(rows[1])[0]).not.toHaveProperty('health');
  });

  it('begins and ends with the row, without a restart', async () => {
    const row = desired(stdioTarget('good'));
    const rows = [row];
    const { supervisor, instances, allReady } = await begin(rows);
    await allReady(row);
    const pid = instances(row)[0]?.pid;
    rows[0] = { ...row, healthCheck };
    await supervisor.reconcile();
    await until('a check', () => instances(row)[0]?.health?.ok === true);
    rows[0] = row;
    await supervisor.reconcile();
    expect(instances(row)[0]).not.toHaveProperty('health');
    expect(instances(row)[0]?.pid).toBe(pid);
  });

  it('that fails three times in a row starts the only instance anew', async () => {
    const row = desired(stdioTarget('good'), { healthCheck });
    const { supervisor, instances, allReady } = await begin([row]);
    await allReady(row);
    const pid = Number(instances(row)[0]?.pid);
    process.kill(pid, 'SIGSTOP');
    await until('the end', () => supervisor.status(row.id)?.lastExit?.reason === 'unhealthy', 15_000);
    expect(supervisor.status(row.id)?.lastExit?.message).toBe('It did not answer 3 health checks in a row.');
    await allReady(row);
    expect(instances(row)[0]?.pid).not.toBe(pid);
    const { lines } = await supervisor.logs(row.id, 0, 1_000);
    const failed = lines.filter(({ text }) => text.startsWith('A health check failed'));
    expect(failed.map(({ text }) => text)).toEqual(
      [1, 2, 3].map((count) => `A health check failed (${count} in a row).`),
    );
  });

  it('that fails takes one of several out at once, and a good one brings it back; the others serve meanwhile', async () => {
    const row = desired(stdioTarget('good'), { healthCheck, replicas: 3 });
    const { supervisor, instances, allReady } = await begin([row]);
    await allReady(row);
    const [stopped] = instances(row);
    const circuit = () => instances(row).find(({ pid }) => pid === stopped?.pid)?.circuit;
    process.kill(Number(stopped?.pid), 'SIGSTOP');
    await until('the failure', () => circuit() === 'open', 15_000);
    const call = async () => {
      const { answer } = supervisor.upstreamOf(row.id).call('tools/call', { name: 'pid' }, { timeoutMs: 5_000 });
      return ((await answer).value as { content: [{ text: string }] }).content[0].text;
    };
    process.kill(Number(stopped?.pid), 'SIGCONT');
    await until('the success', () => circuit() === 'closed', 15_000);
    const pids = await Promise.all(Array.from({ length: 9 }, call));
    expect(new Set(pids).size).toBe(3);
  });

  it('never asks a server that works on a call', async () => {
    const fixture = await startHttpFixture();
    fixtures.push(fixture);
    const row = desired(remote(`${fixture.url}/sessionless`), { healthCheck });
    const { supervisor, instances, allReady } = await begin([row]);
    await allReady(row, 1);
    await until('a check', () => instances(row)[0]?.health?.ok === true);
    const params = { name: 'sleep', arguments: { ms: 600 } };
    const slow = supervisor.upstreamOf(row.id).call('tools/call', params, { timeoutMs: 5_000 });
    const seen = async () => {
      const all = (await (await fetch(`${fixture.url}/control/seen`)).json()) as { method?: string; atMs: number }[];
      return all;
    };
    await slow.answer;
    const all = await seen();
    const call = all.findLast(({ method }) => method === 'tools/call');
    const during = all.filter(
      ({ method, atMs }) => method === 'ping' && atMs > (call?.atMs ?? 0) + 5 && atMs < (call?.atMs ?? 0) + 590,
    );
    expect(during).toEqual([]);
    const count = all.filter(({ method }) => method === 'ping').length;
    await until('checks go on', async () => (await seen()).filter(({ method }) => method === 'ping').length > count);
  });
});
