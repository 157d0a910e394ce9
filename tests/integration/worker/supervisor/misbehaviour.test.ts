// Servers that misbehave while they run: what they do stays with them. The others' answers are what shows it, so each
// test has a well-behaved server beside the bad one.
import { afterEach, describe, expect, it } from 'vitest';
import type { DesiredServer } from '../../../../worker/supervisor';
import type { Upstream } from '../../../../worker/upstream';
import { desired, processesWith, stdioTarget, supervise, until } from '../../../support/upstreams';

const running: ReturnType<typeof supervise>[] = [];

async function begin(target: ReturnType<typeof stdioTarget>, change: Partial<DesiredServer> = {}) {
  const [bad, good] = [desired(target, change), desired(stdioTarget('good'))];
  const made = supervise([bad, good]);
  running.push(made);
  await made.supervisor.start();
  for (const row of [bad, good]) await made.reach(row, 'ready');
  const bystander = made.supervisor.upstreamOf(good.id);
  return { ...made, bad, upstream: made.supervisor.upstreamOf(bad.id), bystander };
}

const call = (upstream: Upstream, name: string, args: Record<string, unknown> = {}) =>
  upstream.call('tools/call', { name, arguments: args }, { timeoutMs: 30_000 }).answer;
const textOf = async (answer: Promise<{ value: unknown }>) =>
  ((await answer).value as { content: [{ text: string }] }).content[0].text;

/** A hundred answers of the good server, one after the other, each the right one. */
async function answersOf(bystander: Upstream): Promise<void> {
  for (let at = 0; at < 100; at += 1) expect(await textOf(call(bystander, 'echo', { text: `${at}` }))).toBe(`${at}`);
}

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
});

describe('while a server', () => {
  it('computes for ever, the others answer, and its own call fails by its time-out alone', async () => {
    const { upstream, bystander } = await begin(stdioTarget('good'));
    const spinning = upstream.call('tools/call', { name: 'spin' }, { timeoutMs: 3_000 }).answer;
    const failed = expect(spinning).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    await answersOf(bystander);
    await failed;
  });

  for (const mode of ['stdout-flood', 'stderr-flood']) {
    it(`prints without end (${mode}), the others answer while it does, and so does it`, async () => {
      const { upstream, bystander, supervisor, bad } = await begin(stdioTarget(mode));
      const before = process.memoryUsage.rss();
      await answersOf(bystander);
      expect(await textOf(call(upstream, 'echo', { text: 'through it all' }))).toBe('through it all');
      expect((process.memoryUsage.rss() - before) / 1024 / 1024).toBeLessThan(150);
      expect(supervisor.status(bad.id)?.state).toBe('ready');
    });
  }

  it('reports progress as fast as it can, the others are answered before it is done', async () => {
    const { upstream, bystander } = await begin(stdioTarget('good'));
    const seen: number[] = [];
    let isOver = false;
    const count = 200_000;
    const flood = upstream
      .call(
        'tools/call',
        { name: 'progress-flood', arguments: { count } },
        { timeoutMs: 60_000, onProgress: ({ progress }) => void seen.push(progress as number) },
      )
      .answer.finally(() => {
        isOver = true;
      });
    await until('the flood', () => seen.length > 0);
    for (let at = 0; at < 5; at += 1) expect(await textOf(call(bystander, 'echo', { text: `${at}` }))).toBe(`${at}`);
    expect(isOver).toBe(false);
    expect(await textOf(flood)).toBe('flooded');
    expect(seen).toHaveLength(count);
    expect(seen.every((progress, at) => progress === at + 1)).toBe(true);
  });

  it('says all the time that its list has changed, its calls and those of others are answered', async () => {
    const { upstream, bystander, supervisor, bad } = await begin(stdioTarget('list-changed-flood'));
    let told = 0;
    supervisor.on('notification', (id) => {
      if (id === bad.id) told += 1;
    });
    await until('many notifications', () => told > 200);
    await answersOf(bystander);
    expect(await textOf(call(upstream, 'echo', { text: 'still here' }))).toBe('still here');
  });
});

describe('a server that ends', () => {
  it('after some calls fails the one that ended it, and serves again after its restart', async () => {
    const { upstream, bystander, supervisor, reach, bad } = await begin(stdioTarget('crash-after', '3'));
    for (const text of ['1', '2', '3']) expect(await textOf(call(upstream, 'echo', { text }))).toBe(text);
    await expect(call(upstream, 'echo', { text: '4' })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await reach(bad, 'retrying')).toMatchObject({ reason: 'exited', lastExit: { exitCode: 9 } });
    await answersOf(bystander);
    await reach(bad, 'ready');
    expect(await textOf(call(supervisor.upstreamOf(bad.id), 'echo', { text: 'again' }))).toBe('again');
  });

  it('by itself and in good order soon after its start is started again, with its reason and a delay', async () => {
    const row = desired(stdioTarget('exit-after-start', '300'));
    const made = supervise([row]);
    running.push(made);
    await made.supervisor.start();
    await made.reach(row, 'ready');
    const ended = await made.reach(row, 'retrying');
    expect(ended).toMatchObject({ reason: 'exited', lastExit: { exitCode: 0 }, nextRetryAt: expect.any(String) });
    expect(ended.message).toContain('exit code 0');
    await made.reach(row, 'ready');
    expect(made.supervisor.status(row.id)).toMatchObject({ attempt: 2, instances: [{ restarts: 1 }] });
  });
});

describe('a server that', () => {
  for (const mode of ['duplicate', 'number-id', 'crossed']) {
    it(`mixes up its answers (${mode}) gives nobody the answer of another call`, async () => {
      const { upstream, bystander } = await begin(stdioTarget(mode));
      const texts = Array.from({ length: 50 }, (_, at) => `marker-${at}`);
      const answers = await Promise.allSettled(texts.map((text) => textOf(call(upstream, 'echo', { text }))));
      const wrong = answers.filter((answer, at) => answer.status === 'fulfilled' && answer.value !== texts[at]);
      expect(wrong).toEqual([]);
      await answersOf(bystander);
    });
  }

  it('speaks no version that we know is not used, and tried again with a delay', async () => {
    const row = desired(stdioTarget('version', '1999-01-01'));
    const made = supervise([row]);
    running.push(made);
    await made.supervisor.start();
    expect(await made.reach(row, 'retrying')).toMatchObject({
      reason: 'handshake-failed',
      message: expect.stringContaining('1999-01-01'),
      ready: 0,
      nextRetryAt: expect.any(String),
    });
  });
});
