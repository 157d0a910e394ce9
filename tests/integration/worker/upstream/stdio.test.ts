import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { listAll, type Upstream } from '../../../../worker/upstream';
import { fairNow } from '../../../support/fair-clock';
import { referenceProgram } from '../../../support/reference';
import { type Opened, open, processesWith, program, repository, stdioTarget, until } from '../../../support/upstreams';

const opened: Opened[] = [];
const patient = { timeoutMs: 10_000 };

async function start(mode: string, argument?: string): Promise<{ upstream: Upstream; attempt: Opened }> {
  const attempt = attemptTo(mode, argument);
  return { upstream: await attempt.opening, attempt };
}

function attemptTo(mode: string, argument?: string): Opened {
  const attempt = open(stdioTarget(mode, argument));
  opened.push(attempt);
  return attempt;
}

const call = (upstream: Upstream, name: string, args: object = {}, options = patient) =>
  upstream.call('tools/call', { name, arguments: args as Record<string, unknown> }, options).answer;
const textOf = async (answer: Promise<{ value: unknown }>) =>
  ((await answer).value as { content: [{ text: string }] }).content[0].text;

afterEach(async () => {
  await Promise.allSettled(opened.map(async ({ opening }) => (await opening).close()));
});

afterAll(() => {
  for (const { marker } of opened) expect(processesWith(marker)).toEqual([]);
});

describe('a stdio server', () => {
  it('shakes hands, lists everything and answers calls with their exact bytes', async () => {
    const { upstream } = await start('good');
    expect(upstream.handshake).toMatchObject({
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'fixture-good', version: '1.0.0', title: 'Fixture' },
      instructions: 'Use echo.',
    });
    const listing = await listAll(upstream);
    expect(listing.tools.map(({ name }) => name)).toContain('echo');
    expect(listing).toMatchObject({
      resources: [{ uri: 'memo://one' }],
      resourceTemplates: [{ uriTemplate: 'memo://{id}' }],
      prompts: [{ name: 'greet' }],
      faults: [],
    });
    const answer = await call(upstream, 'echo', { text: 'hällo\n' });
    expect(answer.raw?.toString()).toBe('{"content":[{"type":"text","text":"hällo\\n"}]}');
    expect(answer.value).toEqual({ content: [{ type: 'text', text: 'hällo\n' }] });
  });

  for (const mode of ['result-first', 'spaced', 'stdout-garbage', 'slow-start', 'stderr-flood', 'stdout-flood']) {
    it(`is usable though it is "${mode}" [L-STDIO-02]`, async () => {
      const { upstream } = await start(mode);
      expect(await textOf(call(upstream, 'echo', { text: mode }))).toBe(mode);
    });
  }

  it('gets many calls at once and each caller its own answer', async () => {
    const { upstream } = await start('good');
    const texts = Array.from({ length: 500 }, (_, index) => `text ${index} ${'x'.repeat(index * 20)}`);
    expect(await Promise.all(texts.map((text) => textOf(call(upstream, 'echo', { text }))))).toEqual(texts);
  });

  it('passes megabytes both ways [L-STDIO-01]', async () => {
    const { upstream } = await start('good');
    const text = 'ü'.repeat(2_000_000);
    expect(await textOf(call(upstream, 'echo', { text }))).toBe(text);
  });

  it('hands over an error of its own untouched', async () => {
    const { upstream } = await start('good');
    const answer = await call(upstream, 'nothing');
    expect(answer).toMatchObject({ kind: 'error', value: { code: -32602, message: 'Unknown tool: nothing' } });
    expect(JSON.parse(String(answer.raw))).toEqual(answer.value);
  });

  it('reports progress to the call it belongs to', async () => {
    const { upstream } = await start('good');
    const seen: unknown[] = [];
    const options = { ...patient, onProgress: ({ progress }: Record<string, unknown>) => seen.push(progress) };
    await Promise.all([call(upstream, 'progress', { steps: 4 }, options), call(upstream, 'progress', { steps: 9 })]);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('learns of a cancelled call [L-CANCEL-01]', async () => {
    const { upstream } = await start('good');
    const slow = upstream.call('tools/call', { name: 'sleep', arguments: { ms: 300 } }, patient);
    slow.cancel('enough');
    await expect(slow.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(JSON.parse(await textOf(call(upstream, 'cancelled')))).toMatchObject([{ reason: 'enough' }]);
  });

  it('is answered a ping and refused everything else [L-PING-01]', async () => {
    const { upstream } = await start('good');
    expect(await textOf(call(upstream, 'ask', { method: 'ping' }))).toBe('{}');
    expect(await textOf(call(upstream, 'ask', { method: 'roots/list' }))).toContain('-32601');
  });

  it('tells of its changed list', async () => {
    const { upstream, attempt } = await start('good');
    await call(upstream, 'add', { name: 'new-tool' });
    await until('the notification', () => attempt.notes.includes('notifications/tools/list_changed'));
    expect((await listAll(upstream)).tools.map(({ name }) => name)).toContain('new-tool');
  });

  it('sees the allowed part of our environment only, and runs in its own folder', async () => {
    process.env.MCPHUB_MASTER_KEY = 'hub-secret';
    const attempt = open({ ...stdioTarget('good'), env: { OWN: 'value' }, cwd: '/tmp' });
    opened.push(attempt);
    const upstream = await attempt.opening;
    delete process.env.MCPHUB_MASTER_KEY;
    const seen = JSON.parse(await textOf(call(upstream, 'env')));
    expect(seen).toMatchObject({ OWN: 'value', MCPHUB_INSTANCE: attempt.marker, PATH: process.env.PATH });
    expect(Object.keys(seen)).not.toContain('MCPHUB_MASTER_KEY');
    expect(await textOf(call(upstream, 'cwd'))).toBe('/tmp');
  });
});

describe('a stdio server that breaks the protocol', () => {
  it('gets no answer of a wrong id to a caller', async () => {
    const { upstream } = await start('wrong-id');
    await expect(call(upstream, 'echo', {}, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
  });

  for (const mode of ['duplicate', 'number-id']) {
    it(`answers rightly and with more than that (${mode}): only the right one counts`, async () => {
      const { upstream } = await start(mode);
      const texts = ['a', 'b', 'c'];
      expect(await Promise.all(texts.map((text) => textOf(call(upstream, 'echo', { text }))))).toEqual(texts);
    });
  }

  it('fails one call with an enormous line, and goes on', async () => {
    const { upstream } = await start('enormous-line');
    const rssBefore = process.memoryUsage.rss();
    await expect(call(upstream, 'echo', {}, { timeoutMs: 30_000 })).rejects.toMatchObject({
      code: 'UPSTREAM_BAD_ANSWER',
    });
    expect((process.memoryUsage.rss() - rssBefore) / 1024 / 1024).toBeLessThan(16 + 50);
    await upstream.call('ping', undefined, patient).answer;
  });

  it('gives a result that is no object: that call fails', async () => {
    const { upstream } = await start('not-an-object');
    await expect(call(upstream, 'echo')).rejects.toMatchObject({ code: 'UPSTREAM_BAD_ANSWER' });
  });

  it('lists bad tools among good ones: the good ones stay, with unknown fields, and each bad one, an enormous schema too, has its reason [N-RPC-11]', async () => {
    const { upstream } = await start('bad-tools');
    const { tools, faults } = await listAll(upstream);
    expect(tools.map(({ name }) => name)).toEqual(['first', 'unknown-fields', 'last']);
    expect(tools[1]).toMatchObject({ 'x-vendor': { kept: true } });
    expect(faults).toHaveLength(7);
  });

  it('pages its list: all pages are read [L-PAGE-02]', async () => {
    const { upstream } = await start('pages', '7');
    expect((await listAll(upstream)).tools).toHaveLength(7);
  });

  it('lists for ever: the hub stops after 100 pages', async () => {
    const { upstream } = await start('endless-pages');
    const { tools, faults } = await listAll(upstream);
    expect(tools).toHaveLength(100);
    expect(faults).toMatchObject([{ kind: 'tool', reason: expect.stringContaining('100 pages') }]);
  });

  it('repeats a cursor: the list ends there', async () => {
    const { upstream } = await start('repeating-cursor');
    const { tools, faults } = await listAll(upstream);
    expect(tools.map(({ name }) => name)).toEqual(['after-start', 'after-same']);
    expect(faults).toMatchObject([{ reason: expect.stringContaining('repeats a cursor') }]);
  });

  it('speaks an unknown protocol version: it is not used [L-LIFE-05]', async () => {
    const attempt = attemptTo('version', '1999-01-01');
    await expect(attempt.opening).rejects.toMatchObject({ message: expect.stringContaining('1999-01-01') });
  });

  for (const version of ['2024-11-05', '2025-03-26', '2025-06-18']) {
    it(`speaks ${version}: it is used so`, async () => {
      expect((await start('version', version)).upstream.handshake.protocolVersion).toBe(version);
    });
  }
});

describe('a stdio server that ends', () => {
  it('fails pending calls at once, though a grandchild holds its pipes', async () => {
    const { upstream, attempt } = await start('grandchild-session');
    const hanging = call(upstream, 'sleep', { ms: 60_000 });
    const pid = Number(await textOf(call(upstream, 'pid')));
    const killedAt = fairNow();
    process.kill(pid, 'SIGKILL');
    await expect(hanging).rejects.toMatchObject({ code: 'INTERRUPTED', extras: { reason: 'killed' } });
    expect(fairNow() - killedAt).toBeLessThan(1_000);
    expect(await attempt.closed).toMatchObject({ reason: 'killed', signal: 'SIGKILL' });
    await upstream.close();
    expect(processesWith(attempt.marker)).toEqual([]);
  });

  it('still delivers the answer that it gave just before', async () => {
    const { upstream, attempt } = await start('answer-and-exit');
    expect(await textOf(call(upstream, 'echo', { text: 'last words' }))).toBe('last words');
    expect(await attempt.closed).toMatchObject({ reason: 'exited', exitCode: 3 });
  });

  it('fails the call that ended it, and later ones', async () => {
    const { upstream } = await start('crash-after', '1');
    await call(upstream, 'echo');
    await expect(call(upstream, 'echo')).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(call(upstream, 'echo')).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('a stdio server that cannot start', () => {
  it('says which command is missing [F-TRAP-07]', async () => {
    const attempt = open(program('no-such-command-here'));
    await expect(attempt.opening).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: expect.stringContaining('"no-such-command-here" was not found on PATH'),
      extras: { reason: 'spawn-failed' },
    });
    expect(await attempt.closed).toMatchObject({ reason: 'spawn-failed' });
  });

  it('says that a path is not runnable, and that a folder is missing', async () => {
    await expect(open(program(join(repository, 'LICENSE'))).opening).rejects.toMatchObject({
      message: expect.stringContaining('may not be run'),
    });
    await expect(open({ ...stdioTarget('good'), cwd: '/no/such/folder' }).opening).rejects.toMatchObject({
      message: expect.stringContaining('/no/such/folder does not exist'),
    });
  });

  it('says the exit code and keeps stderr', async () => {
    const attempt = open(stdioTarget('crash-at-start', '7'));
    await expect(attempt.opening).rejects.toMatchObject({ message: expect.stringContaining('exit code 7') });
    expect(attempt.stderr).toEqual(['cannot open the database', 'fatal: giving up']);
    expect(await attempt.closed).toMatchObject({ reason: 'exited', exitCode: 7 });
  });

  it('says that it printed text that is not MCP', async () => {
    await expect(open(stdioTarget('not-mcp')).opening).rejects.toMatchObject({
      message: expect.stringContaining('text that is not MCP: "Hello, this is a web server"'),
    });
    await expect(open(program('cat')).opening).rejects.toMatchObject({ message: expect.stringContaining('not MCP') });
    await expect(open(stdioTarget('print-forever')).opening).rejects.toMatchObject({
      message: expect.stringContaining('not MCP: "y"'),
    });
  });

  it('that prints text and stays is reported soon, and ends by the time-out', async () => {
    const attempt = open(stdioTarget('not-mcp', 'stay'), { handshakeTimeoutMs: 2_500 });
    await until('the doubt', () => attempt.doubts.length > 0, 2_000);
    expect(attempt.doubts[0]).toContain('Hello, this is a web server');
    await expect(attempt.opening).rejects.toMatchObject({ message: expect.stringContaining('initialize') });
    expect(processesWith(attempt.marker)).toEqual([]);
  });

  it('never answers "initialize": it is ended after the time-out', async () => {
    const attempt = open(stdioTarget('silent'), { handshakeTimeoutMs: 300 });
    await expect(attempt.opening).rejects.toMatchObject({
      message: expect.stringContaining('did not answer "initialize"'),
    });
    expect(processesWith(attempt.marker)).toEqual([]);
  });

  it('can be given up while it starts', async () => {
    const abort = new AbortController();
    const attempt = open(stdioTarget('silent'), { signal: abort.signal });
    await until('the process', () => processesWith(attempt.marker).length > 0);
    abort.abort();
    await expect(attempt.opening).rejects.toMatchObject({ extras: { reason: 'stopped' } });
    expect(processesWith(attempt.marker)).toEqual([]);
  });
});

describe('what a server gets to see', () => {
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** A file for a fixture to write to. */
  function traceFile(): string {
    const folder = mkdtempSync(join(tmpdir(), 'mcphub-stdio-'));
    folders.push(folder);
    return join(folder, 'trace');
  }

  async function started(target: ReturnType<typeof program>): Promise<Upstream> {
    const attempt = open(target);
    opened.push(attempt);
    return attempt.opening;
  }

  it.each([
    ['with sessions', `${join(repository, 'tests/support/servers/stdio.mjs')} good`, 'legacy'],
    ['without sessions', `${referenceProgram('modern')} stdio`, 'modern'],
  ])('%s: messages alone, one on each line [L-STDIO-03, N-STDIO-01]', async (_era, fixture, era) => {
    const file = traceFile();
    const upstream = await started(program('sh', ['-c', `tee ${file} | ${process.execPath} ${fixture}`]));
    expect(upstream.handshake.era).toBe(era);
    await listAll(upstream);
    await call(upstream, 'echo', { text: 'one\ntwo\r\nthree\u2028four' });
    const waiting = upstream.call('tools/call', { name: 'wait', arguments: {} }, patient);
    waiting.cancel('enough');
    await waiting.answer.catch(() => undefined);
    await upstream.close();
    const written = readFileSync(file, 'utf8');
    expect(written.endsWith('\n')).toBe(true);
    const messages = written
      .slice(0, -1)
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(messages.length).toBeGreaterThan(5);
    for (const message of messages) expect(message).toMatchObject({ jsonrpc: '2.0', method: expect.any(String) });
    expect(written).not.toContain('\r');
  });

  it('at its end: stdin closes, then SIGTERM, then no more [L-LIFE-09, N-STDIO-03]', async () => {
    const file = traceFile();
    const script = `
      const { appendFileSync } = require('node:fs');
      const note = (what) => appendFileSync(${JSON.stringify(file)}, what + '\\n');
      process.on('SIGTERM', () => note('SIGTERM'));
      setInterval(() => {}, 1000);
      require('node:readline').createInterface({ input: process.stdin }).on('close', () => note('closed')).on('line', (line) => {
        const { id } = JSON.parse(line);
        const result = { supportedVersions: ['2026-07-28'], capabilities: {}, resultType: 'complete' };
        process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
      });`;
    const upstream = await started(program(process.execPath, ['-e', script]));
    expect(upstream.handshake.era).toBe('modern');
    await upstream.close();
    expect(readFileSync(file, 'utf8')).toBe('closed\nSIGTERM\n');
  });
});

describe('stopping', () => {
  it('ends a server that ignores SIGTERM within 8 s [L-LIFE-09]', async () => {
    const { upstream, attempt } = await start('ignore-sigterm');
    const begun = fairNow();
    await upstream.close();
    expect(fairNow() - begun).toBeLessThan(8_000);
    expect(processesWith(attempt.marker)).toEqual([]);
  });

  it('ends a well-behaved server in no time, and a second time does nothing', async () => {
    const { upstream } = await start('good');
    const begun = fairNow();
    await Promise.all([upstream.close(), upstream.close()]);
    await upstream.close();
    expect(fairNow() - begun).toBeLessThan(1_500);
  });
});

const bin = (name: string) => join(repository, 'node_modules/.bin', name);

describe('servers as people run them', () => {
  for (const [name, args, tool, params, expected] of [
    ['mcp-server-everything', ['stdio'], 'echo', { message: 'hi' }, 'hi'],
    ['mcp-server-filesystem', ['/tmp'], 'list_allowed_directories', {}, '/tmp'],
    ['mcp-server-memory', [], 'read_graph', {}, 'entities'],
  ] as const) {
    it(`${name} lists its tools and answers a call`, async () => {
      const attempt = open({
        ...program(bin(name), [...args]),
        env: { MEMORY_FILE_PATH: '/tmp/mcphub-test-memory.json' },
      });
      opened.push(attempt);
      const upstream = await attempt.opening;
      const { tools, faults } = await listAll(upstream);
      expect(tools.length).toBeGreaterThan(5);
      expect(faults).toEqual([]);
      const answer = await call(upstream, tool, params);
      expect(JSON.stringify(answer.value)).toContain(expected);
      expect(JSON.parse(String(answer.raw))).toEqual(answer.value);
    });
  }
});
