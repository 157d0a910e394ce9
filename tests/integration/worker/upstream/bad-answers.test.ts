// What a remote server can answer to a call instead of MCP, in both eras: the call fails in plain words, costs bounded
// memory, is never sent again by itself, and the connection goes on.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fairNow } from '../../../support/fair-clock';
import { open, remote, startHttpFixture } from '../../../support/upstreams';

let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  fixture = await startHttpFixture();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => fixture.stop());

async function connect(path: string, era: 'legacy' | 'modern') {
  const upstream = await open(remote(`${fixture.url}${era === 'modern' ? '/modern' : ''}${path}`)).opening;
  ends.push(() => upstream.close());
  expect(upstream.handshake.era).toBe(era);
  return upstream;
}

const callsAt = async (path: string) => {
  const seen: { path: string; method?: string }[] = await (await fetch(`${fixture.url}/control/seen`)).json();
  return seen.filter((each) => each.path === path && each.method === 'tools/call').length;
};

for (const era of ['legacy', 'modern'] as const) {
  describe(`a ${era} server that answers a call`, () => {
    for (const [path, code, message] of [
      ['/huge', 'UPSTREAM_BAD_ANSWER', 'larger than 16 MiB'],
      ['/bomb', 'UPSTREAM_BAD_ANSWER', 'larger than 16 MiB'],
      ['/bomb-br', 'UPSTREAM_BAD_ANSWER', 'larger than 16 MiB'],
      ['/bomb-deflate', 'UPSTREAM_BAD_ANSWER', 'larger than 16 MiB'],
      ['/bomb-stream', 'UPSTREAM_BAD_ANSWER', 'larger than 16 MiB'],
      ['/html-call', 'UPSTREAM_BAD_ANSWER', 'text/html instead of MCP'],
      ['/odd-call', 'UPSTREAM_BAD_ANSWER', 'application/octet-stream instead of MCP'],
      ['/cut', 'INTERRUPTED', 'broke before the answer was complete'],
    ] as const) {
      it(`with ${path}`, async () => {
        const upstream = await connect(path, era);
        const before = process.memoryUsage.rss();
        const begun = fairNow();
        const call = upstream.call('tools/call', { name: 'echo', arguments: {} }, { timeoutMs: 20_000 });
        const error = await call.answer.catch((thrown: Error) => thrown);
        expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
        expect(String(error)).not.toContain('secret');
        if (path === '/cut') expect(fairNow() - begun).toBeLessThan(2_000);
        expect((process.memoryUsage.rss() - before) / 1024 / 1024).toBeLessThan(16 + 50);
        expect(await callsAt(`${era === 'modern' ? '/modern' : ''}${path}`)).toBe(1);
        await upstream.call('tools/list', undefined, { timeoutMs: 5_000 }).answer;
      }, 30_000);
    }

    it('by redirects is followed on its own origin only, five times at most', async () => {
      const upstream = await connect('/redirect', era);
      const { value } = await upstream.call(
        'tools/call',
        { name: 'echo', arguments: { text: 'there' } },
        { timeoutMs: 5_000 },
      ).answer;
      expect(JSON.stringify(value)).toContain('there');
      for (const [path, message] of [
        ['/redirect-away', 'redirects to http://localhost'],
        ['/redirect-loop', 'only 5 redirects'],
      ] as const) {
        const target = remote(`${fixture.url}${era === 'modern' ? '/modern' : ''}${path}`);
        await expect(open(target).opening).rejects.toMatchObject({ message: expect.stringContaining(message) });
      }
    });
  });
}
