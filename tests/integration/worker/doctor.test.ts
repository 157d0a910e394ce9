// Tests of servers stage by stage, over real programs and servers that each fail at one stage.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ServerTest, Stage } from '../../../lib/diagnosis/schema';
import { createLog } from '../../../lib/log';
import { createDoctor, type DoctorOptions } from '../../../worker/doctor';
import type { DesiredServer } from '../../../worker/supervisor';
import { createProcessTrees } from '../../../worker/supervisor/process-tree';
import { createEgress, type UpstreamTarget } from '../../../worker/upstream';
import { type CertificateName, certificate, startProxy, startTls } from '../../support/outbound';
import {
  desired,
  processesWith,
  program,
  remote,
  repository,
  startHttpFixture,
  stdioTarget,
  supervise,
  until,
} from '../../support/upstreams';

const installationId = `doctor-${process.pid}`;
const everything = join(repository, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const modern = join(repository, 'tests/support/servers/reference/modern.mjs');
let folder: string;
let http: Awaited<ReturnType<typeof startHttpFixture>>;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mcphub-doctor-'));
  http = await startHttpFixture();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  expect(processesWith(installationId), 'processes that a test left').toEqual([]);
});
afterAll(async () => {
  await http.stop();
  rmSync(folder, { recursive: true, force: true });
});

function makeDoctor(options: Partial<DoctorOptions> = {}) {
  const doctor = createDoctor({
    egress: createEgress('private-allowed'),
    trees: createProcessTrees(),
    installationId,
    ownEnv: process.env,
    version: '0.0.0',
    log: createLog('test', 'silent'),
    ...options,
  });
  closing.push(doctor.close);
  return doctor;
}

const never = new AbortController().signal;

async function examined(
  target: UpstreamTarget,
  change: Partial<DesiredServer> = {},
  options: Partial<DoctorOptions> = {},
) {
  const test = await makeDoctor(options).test(desired(target, change), () => {}, never);
  return { test, stage: (id: Stage['id']) => test.stages.find((each) => each.id === id), ...shortOf(test) };
}

/** Each stage as its state, in order. */
function shortOf({ stages }: ServerTest) {
  const states = Object.fromEntries(stages.map(({ id, state }) => [id, state]));
  return { states, failed: stages.filter(({ state }) => state === 'failed') };
}

const good = {
  command: 'ok',
  cwd: 'ok',
  spawn: 'ok',
  'first-byte': 'ok',
  handshake: 'ok',
  lists: 'ok',
  ping: 'ok',
  stop: 'ok',
};

describe('a program that works passes every stage', () => {
  it.each([
    ['the fixture', stdioTarget('good'), /2025-11-25 \(with sessions\)/],
    ['the everything server', program(process.execPath, [everything]), /\(with sessions\)/],
    [
      'a server of 2026-07-28 on the reference SDK',
      program(process.execPath, [modern, 'stdio']),
      /\(without sessions\)/,
    ],
  ])('%s', async (_name, target, handshake) => {
    const { test, states, stage } = await examined(target);
    expect(states).toEqual(good);
    expect(test.state).toBe('passed');
    expect(stage('command')?.seen).toBe(process.execPath);
    expect(stage('spawn')?.seen).toMatch(/^pid \d+$/);
    expect(stage('handshake')?.seen).toMatch(handshake);
    expect(stage('lists')?.seen).toMatch(/^\d+ tools/);
    for (const { ms } of test.stages) expect(ms).toBeGreaterThanOrEqual(0);
  });

  it('tells its stages as they happen', async () => {
    const told: ServerTest[] = [];
    await makeDoctor().test(desired(stdioTarget('slow-start', '500')), (test) => told.push(test), never);
    const waiting = told.find(({ stages }) =>
      stages.some(({ id, state }) => id === 'first-byte' && state === 'running'),
    );
    expect(waiting).toMatchObject({ state: 'running' });
    expect(shortOf(waiting as ServerTest).states).toMatchObject({ spawn: 'ok', handshake: 'waiting' });
  });

  it('the instance that runs beside it is left alone', async () => {
    const row = desired(stdioTarget('good'));
    const { supervisor, reach } = supervise([row]);
    closing.push(() => supervisor.stop());
    await supervisor.start();
    const before = await reach(row, 'ready');
    const test = await makeDoctor().test(row, () => {}, never);
    expect(test.state).toBe('passed');
    const after = supervisor.status(row.id);
    expect(after?.instances.map(({ pid }) => pid)).toEqual(before.instances.map(({ pid }) => pid));
    expect(test.stages.find(({ id }) => id === 'spawn')?.seen).not.toBe(`pid ${before.instances[0]?.pid}`);
  });
});

describe('a program that fails is told at its stage, with cause and fix', () => {
  const cases: [
    name: string,
    target: UpstreamTarget | (() => UpstreamTarget),
    stage: Stage['id'],
    cause: RegExp,
    fix: RegExp,
    change?: Partial<DesiredServer>,
  ][] = [
    [
      'npx is missing',
      { ...program('npx'), env: { PATH: '/nowhere' } },
      'command',
      /"npx" was not found/,
      /Node\.js.*\/nowhere/,
    ],
    [
      'uvx is missing',
      { ...program('uvx'), env: { PATH: '/nowhere' } },
      'command',
      /"uvx" was not found/,
      /Install uv/,
    ],
    ['docker is missing', { ...program('docker'), env: { PATH: '/nowhere' } }, 'command', /not found/, /Docker Engine/],
    ['python is missing', { ...program('python'), env: { PATH: '/nowhere' } }, 'command', /not found/, /"python3"/],
    ['a path leads nowhere', program('/no/such/program'), 'command', /does not exist/, /Check the path/],
    ['the whole line is the command', program('npx -y some-server'), 'command', /not found/, /into "args"/],
    [
      'the folder is missing',
      { ...stdioTarget('good'), cwd: '/no/such/folder' },
      'cwd',
      /does not exist/,
      /Make the folder/,
    ],
    [
      'the interpreter of a script is missing',
      () => {
        const file = join(folder, 'not-a-program');
        writeFileSync(file, '#!/no/such/interpreter\n', { mode: 0o755 });
        return program(file);
      },
      'spawn',
      /could not be started/,
      /by hand/,
    ],
    ['it ends at once', stdioTarget('crash-at-start'), 'first-byte', /exit code 7/, /stderr/],
    ['it ends without a word', stdioTarget('clean-exit'), 'first-byte', /exit code 0/, /without a word/],
    [
      'a module is missing',
      program(process.execPath, ['/no/such/server.js']),
      'first-byte',
      /exit code 1/,
      /Node\.js does not find \/no\/such\/server\.js/,
    ],
    [
      'it prints something else',
      stdioTarget('not-mcp', 'stay'),
      'handshake',
      /did not answer|not MCP/,
      /stdout only MCP/,
    ],
    ['it prints something else and ends', stdioTarget('not-mcp'), 'handshake', /not MCP/, /stdout only MCP/],
    ['it floods stdout', stdioTarget('print-forever'), 'handshake', /not MCP/, /stdout only MCP/],
    ['it never says anything', stdioTarget('silent'), 'first-byte', /did not answer/, /does not speak MCP over stdio/],
    [
      'it speaks an unknown version',
      stdioTarget('version', '2099-01-01'),
      'handshake',
      /version 2099-01-01/,
      /released version/,
    ],
    [
      'its settings are not complete',
      stdioTarget('good'),
      'command',
      /has no value/,
      /Complete the settings/,
      { fault: 'The variable "X" has no value.' },
    ],
  ];

  it.each(cases)('%s', async (_name, target, stage, cause, fix, change = {}) => {
    const made = typeof target === 'function' ? target() : target;
    const { test, failed } = await examined(made, change, { handshakeMs: 1_500 });
    expect(failed.map(({ id }) => id)).toEqual([stage]);
    expect(failed[0]?.cause).toMatch(cause);
    expect(failed[0]?.fix).toMatch(fix);
    expect(test.state).toBe('failed');
    const after = test.stages.slice(test.stages.findIndex(({ id }) => id === stage) + 1);
    expect(after.map(({ state }) => state)).toEqual(after.map(() => 'skipped'));
  });

  it('the last lines of stderr and what it printed are shown', async () => {
    expect((await examined(stdioTarget('crash-at-start'))).failed[0]?.lines).toContain('fatal: giving up');
    expect((await examined(stdioTarget('not-mcp'))).failed[0]?.lines[0]).toBe('Hello, this is a web server');
  });

  it('tools that are left out are told with their reasons, and the others pass', async () => {
    const { test, stage } = await examined(stdioTarget('bad-tools'));
    expect(test.state).toBe('warned');
    expect(stage('lists')).toMatchObject({ state: 'warned', seen: expect.stringMatching(/^3 tools/) });
    expect(stage('lists')?.lines).toContainEqual(expect.stringMatching(/"huge": Its schemas are larger than 256 KiB/));
    expect(stage('stop')?.state).toBe('ok');
  });

  it('text before the first message is a warning', async () => {
    const { test, stage } = await examined(stdioTarget('stdout-garbage'));
    expect([test.state, stage('first-byte')?.state]).toEqual(['warned', 'warned']);
    expect(stage('first-byte')?.lines[0]).toContain('Starting up');
  });

  it('what it was given in confidence is not shown', async () => {
    const script = 'console.error("key is " + process.env.API_TOKEN); process.exit(1)';
    const target = { ...program(process.execPath, ['-e', script]), env: { API_TOKEN: 'planted-secret-value' } };
    const { test } = await examined(target);
    expect(JSON.stringify(test)).not.toContain('planted-secret-value');
    expect(JSON.stringify(test)).toContain('key is ***');
  });
});

describe('a server behind a URL', () => {
  it('passes every stage', async () => {
    const { test, states, stage } = await examined(remote(`${http.url}/mcp`));
    expect(states).toEqual({
      url: 'ok',
      dns: 'skipped',
      connect: 'ok',
      http: 'ok',
      handshake: 'ok',
      lists: 'ok',
      ping: 'ok',
    });
    expect(test.state).toBe('passed');
    expect(stage('http')?.seen).toMatch(/HTTP 200, application\/json, gives a session id/);
    expect(stage('connect')?.seen).toMatch(/^127\.0\.0\.1 port \d+$/);
  });

  it('a name is resolved', async () => {
    const { states, stage } = await examined(remote(`${http.url.replace('127.0.0.1', 'localhost')}/mcp`));
    expect(states).toMatchObject({ dns: 'ok', handshake: 'ok' });
    expect(stage('dns')?.seen).toContain('127.0.0.1');
  });

  const cases: [name: string, url: () => string, stage: Stage['id'], cause: RegExp, fix: RegExp][] = [
    ['no URL', () => 'nonsense', 'url', /cannot be read/, /https:\/\//],
    ['a metadata address', () => 'http://169.254.169.254/', 'url', /not allowed/, /MCPHUB_EGRESS/],
    ['an unknown name', () => 'http://no-such-host.invalid/mcp', 'dns', /cannot be resolved/, /spelling/],
    ['nothing listens', () => 'http://127.0.0.1:9/mcp', 'connect', /connection refused/, /Start the server/],
    ['TLS to a port without it', () => http.url.replace('http:', 'https:'), 'tls', /does not speak TLS/, /http:\/\//],
    ['401', () => `${http.url}/auth`, 'http', /sign-in \(HTTP 401, Bearer\)/, /Authorization/],
    ['403', () => `${http.url}/status/403`, 'http', /status 403/, /may not do this/],
    ['404', () => `${http.url}/status/404`, 'http', /status 404/, /try http:\S+\/mcp/],
    ['500', () => `${http.url}/status/500`, 'http', /status 500/, /its own log/],
    ['a web page', () => `${http.url}/html`, 'http', /A web page/, /path is wrong/],
    ['a redirect elsewhere', () => `${http.url}/redirect-away`, 'http', /redirects to http:\/\/localhost/, /leads to/],
  ];

  it.each(cases)('%s', async (_name, url, stage, cause, fix) => {
    const { test, failed } = await examined(remote(url()), {}, { handshakeMs: 3_000 });
    expect(failed.map(({ id }) => id)).toEqual([stage]);
    expect(failed[0]?.cause).toMatch(cause);
    expect(failed[0]?.fix).toMatch(fix);
    expect(test.state).toBe('failed');
  });

  describe('with TLS', () => {
    async function behindTls(name: CertificateName, tls: UpstreamTarget['tls'] = null, host = 'localhost') {
      const front = await startTls(http.url, name);
      const made = await examined({ ...remote(`https://${host}:${front.port}/mcp`), tls });
      await front.stop();
      return made;
    }

    it.each([
      ['one that signed itself', 'self-signed', /trusts \(DEPTH_ZERO_SELF_SIGNED_CERT\)/, /tls\.ca/],
      ['one of an unknown authority', 'good', /trusts/, /tls\.ca/],
    ] as const)('the certificate is refused: %s', async (_name, certificateName, cause, fix) => {
      const { failed } = await behindTls(certificateName);
      expect(failed).toMatchObject([
        { id: 'tls', cause: expect.stringMatching(cause), fix: expect.stringMatching(fix) },
      ]);
    });

    it.each([
      ['it has expired', 'expired', /has expired/],
      ['it is for another name', 'other', /for another name/],
    ] as const)('the certificate is refused: %s', async (_name, certificateName, cause) => {
      const { failed } = await behindTls(certificateName, { ca: certificate('ca') });
      expect(failed).toMatchObject([{ id: 'tls', cause: expect.stringMatching(cause) }]);
    });

    it('with the authority of the row it passes, and the certificate is told', async () => {
      const { test, stage } = await behindTls('good', { ca: certificate('ca') });
      expect(test.state).toBe('passed');
      expect(stage('tls')?.seen).toMatch(/^TLSv1\.3, certificate by .+, valid until .+/);
    });
  });

  it('through a proxy, what only the proxy knows is left out', async () => {
    const proxy = await startProxy(Number(new URL(http.url).port));
    const egress = createEgress('private-allowed', { env: { HTTP_PROXY: proxy.url } });
    const { states, stage } = await examined(remote('http://server.example/mcp'), {}, { egress });
    await proxy.stop();
    expect(states).toMatchObject({ url: 'ok', dns: 'skipped', connect: 'skipped', http: 'ok', handshake: 'ok' });
    expect(stage('connect')?.seen).toContain('HTTP_PROXY');
  });

  it('one that takes connections and never answers', async () => {
    const server = createServer((socket) => void socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { failed } = await examined(remote(`http://127.0.0.1:${port}/mcp`), {}, { handshakeMs: 600 });
    expect(failed).toMatchObject([{ id: 'http', cause: expect.stringMatching(/did not answer/) }]);
    server.close();
  });
});

describe('a test ends', () => {
  it('when it is cancelled, with every process, a grandchild too', async () => {
    const doctor = makeDoctor();
    const cancelling = new AbortController();
    const row = desired(stdioTarget('silent'));
    let pid = '';
    const testing = doctor.test(
      row,
      ({ stages }) => {
        pid ||= stages.find(({ id }) => id === 'spawn')?.seen ?? '';
      },
      cancelling.signal,
    );
    await until('its process', () => pid);
    expect(processesWith(installationId)).toHaveLength(1);
    cancelling.abort();
    expect((await testing).state).toBe('cancelled');
    expect(processesWith(installationId)).toEqual([]);
  });

  it('at its time limit', async () => {
    const { test, failed } = await examined(stdioTarget('silent'), {}, { testMs: 700 });
    expect(test.state).toBe('failed');
    expect(failed[0]?.cause).toMatch(/longer than 0\.7 s/);
  });

  it('over a limit of its server', async () => {
    const script = 'globalThis.kept = Buffer.alloc(400 * 1048576, 1); setInterval(() => {}, 1000)';
    const { failed } = await examined(program(process.execPath, ['-e', script]), { limits: { memoryMb: 150 } });
    expect(failed[0]).toMatchObject({ cause: expect.stringMatching(/over a limit: memory: \d+ MB of 150 MB/) });
  });

  it('when the worker ends', async () => {
    const doctor = makeDoctor();
    const testing = doctor.test(desired(stdioTarget('silent')), () => {}, never);
    await until('its process', () => processesWith(installationId).length === 1);
    await doctor.close();
    expect((await testing).state).toBe('cancelled');
    await expect(doctor.test(desired(stdioTarget('good')), () => {}, never)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('a server is tested once at a time, and two at most', async () => {
    const doctor = makeDoctor();
    const [one, two, three] = ['one', 'two', 'three'].map((name) => desired(stdioTarget('silent'), { name }));
    const cancelling = new AbortController();
    const first = doctor.test(one as DesiredServer, () => {}, cancelling.signal);
    await expect(doctor.test({ ...(one as DesiredServer), name: 'ONE' }, () => {}, never)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const second = doctor.test(two as DesiredServer, () => {}, cancelling.signal);
    await expect(doctor.test(three as DesiredServer, () => {}, never)).rejects.toMatchObject({ code: 'BUSY' });
    cancelling.abort();
    await Promise.all([first, second]);
    expect((await doctor.test(desired(stdioTarget('good'), { name: 'one' }), () => {}, never)).state).toBe('passed');
  });
});
