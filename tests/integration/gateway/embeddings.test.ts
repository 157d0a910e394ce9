// The search for tools with a service of embeddings, on a real database: what is asked of the service and how often, what
// a search finds by meaning, and that words go on to find when the service does whatever services do.
import { sql } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { toolEmbeddings } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import { migrate } from '../../../lib/db/index';
import { type Bus, createBus } from '../../../lib/events/bus';
import { moveVectors, readVectors, saveVectors, storedKeys } from '../../../lib/routing/vectors';
import { createEmbeddings } from '../../../worker/search/embeddings';
import type { Embeddings } from '../../../worker/search/vectors';
import { createEgress } from '../../../worker/upstream';
import { eachVectorDatabase, openTestDatabase, type TestDatabase } from '../../support/database';
import { type EmbeddingFaultKind, type EmbeddingsServer, startEmbeddingsServer } from '../../support/embeddings-server';
import { keyActor, memoryUpstream, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

const key = 'sk-never-in-a-log-0123456789';
const egress = createEgress('private-allowed');

const described: Record<string, string> = {
  read_file: 'Reads the contents of a file',
  delete_file: 'Deletes for good: delete, remove, erase a file',
  forecast: 'The weather forecast of a city',
  send: 'Sends a mail message to somebody',
  // So many that what stands out does so by no chance.
  ...Object.fromEntries(
    Array.from({ length: 36 }, (_, at) => [`step_${at}`, `Turns wheel number ${at} of machine ${at * 7}`]),
  ),
};

function listOf(tools: () => Record<string, string>) {
  return (method: string) => {
    if (method !== 'tools/list') return {};
    const all = Object.entries(tools());
    return { tools: all.map(([name, description]) => ({ name, description, inputSchema: { type: 'object' } })) };
  };
}

eachVectorDatabase('a search with vectors', (kind) => {
  let database: TestDatabase;
  let service: EmbeddingsServer;
  let hub: TestGateway; // not there before the first that starts one
  let lines: { msg: string; level: number }[] = [];
  let text = '';
  /** The database has pgvector. */
  let hasVector: boolean;
  let tools: Record<string, string>;
  const open: Embeddings[] = [];

  const log = pino(
    { level: 'debug' },
    {
      write(line: string) {
        text += line;
        lines.push(JSON.parse(line));
      },
    },
  );

  type Options = { pauseMs?: number; patienceMs?: number; bus?: Bus };

  function embeddingsOf(model: string, { bus = createBus(() => {}), ...options }: Options): Embeddings {
    const embeddings = createEmbeddings({
      db: database.db,
      bus,
      egress,
      userAgent: 'mcphub/test',
      log,
      settings: { url: service.url, model, apiKey: key },
      pauseMs: 50,
      ...options,
    });
    open.push(embeddings);
    return embeddings;
  }

  async function startHub(model = 'small', options: Options = {}): Promise<Embeddings> {
    const embeddings = embeddingsOf(model, options);
    await embeddings.start();
    hub = await startGateway({ servers: [serverRow('files'), serverRow('vault')], embeddings, log });
    hub.keys.set('scoped', keyActor('scoped', 'admin', { keyScope: { servers: ['vault'] } }));
    hub.supervisor.open(
      'id-files',
      memoryUpstream(
        { tools: { listChanged: true } },
        listOf(() => tools),
      ),
    );
    hub.supervisor.open(
      'id-vault',
      memoryUpstream(
        { tools: {} },
        listOf(() => ({ read_secret: 'Reads a secret' })),
      ),
    );
    await until(() => hub.stored.size === 2, 5000);
    embeddings.lead();
    return embeddings;
  }

  async function stop(): Promise<void> {
    await hub?.close();
    await Promise.all(open.splice(0).map((each) => each.close()));
  }

  beforeAll(async () => {
    database = await openTestDatabase(kind);
    hasVector = (await migrate(database)).vector;
    if (kind !== 'postgres') expect(hasVector).toBe(true);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.db.delete(toolEmbeddings);
    service = await startEmbeddingsServer(key);
    tools = { ...described };
    lines = [];
    text = '';
  });
  afterEach(async () => {
    await stop();
    await service.close();
    expect(text).not.toContain(key);
  });

  const actor = (name = 'key-a') => hub.keys.get(name) as Actor;
  const search = (query: string, name?: string) => hub.gateway.searchTools(actor(name), { query, limit: 5 });
  const status = (name?: string) => hub.gateway.searchStatus(actor(name));
  const indexed = () => until(() => status().embedded === Object.keys(tools).length + 1, 10_000);

  it('finds by meaning what no word names, ranks with both, and says so', async () => {
    await startHub();
    await indexed();
    // No word of it is known in any tool.
    const german = await search('Datei löschen');
    expect(german).toMatchObject({ mode: 'hybrid', hits: [{ name: 'delete_file', why: [] }] });
    expect(german.hits[0]?.nearness).toBeGreaterThan(0.4);
    expect(german.warning).toBeUndefined();
    expect((await search('regenschirm')).hits.map(({ name }) => name)).toEqual(['forecast']);
    // Nothing is like it, so nothing is shown.
    expect((await search('xylophon quaste')).hits).toEqual([]);
    // A name comes first, whatever vectors say.
    expect((await search('löschen datei erase read_file')).hits[0]?.name).toBe('read_file');
    expect(status()).toEqual({ mode: 'hybrid', model: 'small', tools: 41, embedded: 41, warning: null });
    expect(service.requests.every(({ model }) => model === 'small')).toBe(true);
  });

  /** How many vectors each column holds; a row that has none or two is counted by `wrong`. */
  async function columns(): Promise<{ bytes: number; embedding: number; wrong: number }> {
    const embedding = sql.raw((await migrate(database)).vector ? 'embedding' : 'null::text');
    const [row] = await database.db.execute<{ bytes: number; embedding: number; wrong: number }>(sql`select
      count(bytes)::int as bytes, count(${embedding})::int as embedding,
      count(*) filter (where num_nonnulls(bytes, ${embedding}) <> 1)::int as wrong from tool_embeddings`);
    if (!row) throw new Error('no row');
    return row;
  }

  const inColumn = (count: number) => ({
    bytes: hasVector ? 0 : count,
    embedding: hasVector ? count : 0,
    wrong: 0,
  });

  const vectorsOf = (...lengths: number[]) =>
    new Map(
      lengths.map((length, at) => {
        const raw = Float32Array.from({ length }, (_, place) => Math.sin(1 + at + place * place));
        const size = Math.hypot(...raw);
        return [`key-${at}`, raw.map((value) => value / size)];
      }),
    );

  async function expectStored(vectors: ReadonlyMap<string, Float32Array>): Promise<void> {
    const read = await readVectors(database.db, [...vectors.keys(), 'unknown']);
    expect([...read.keys()].sort()).toEqual([...vectors.keys()].sort());
    for (const [key, vector] of vectors) {
      const came = read.get(key) ?? new Float32Array();
      expect(came.length).toBe(vector.length);
      expect(vector.reduce((most, value, at) => Math.max(most, Math.abs(value - (came[at] ?? 9))), 0)).toBeLessThan(
        1e-6,
      );
    }
  }

  it(`keeps vectors in pgvector's column where there is one, else as bytes, and gives them back as they were`, async () => {
    // The longest that pgvector takes, and one more.
    const vectors = vectorsOf(3, 1536, 16_000, 16_001);
    await saveVectors(database.db, 'small', vectors);
    expect(await columns()).toEqual({ bytes: hasVector ? 1 : 4, embedding: hasVector ? 3 : 0, wrong: 0 });
    await expectStored(vectors);
    const others = new Map([...vectorsOf(16_001, 64, 5, 16_000)].map(([key, vector]) => [key, vector.map((n) => -n)]));
    await saveVectors(database.db, 'small', others);
    expect(await columns()).toEqual({ bytes: hasVector ? 1 : 4, embedding: hasVector ? 3 : 0, wrong: 0 });
    await expectStored(others);
    const stored = await storedKeys(database.db, 'small');
    expect(new Map(stored.map(({ key, dimensions }) => [key, dimensions]))).toEqual(
      new Map([...others].map(([key, { length }]) => [key, length])),
    );
    expect(await moveVectors(database.db)).toBe(0);
  });

  it('finds by meaning only what the caller may see, and counts only that', async () => {
    await startHub();
    await indexed();
    expect((await search('Datei löschen', 'scoped')).hits).toEqual([]);
    expect(status('scoped')).toMatchObject({ tools: 1, embedded: 1 });
  });

  it('embeds each tool once: not again after a restart, and after a change only what changed', async () => {
    await startHub();
    await indexed();
    expect(service.takeInputs()).toHaveLength(41);
    expect(await columns()).toEqual(inColumn(41));
    await stop();
    await startHub();
    await indexed();
    await search('Datei löschen');
    expect(service.takeInputs()).toEqual(['Datei löschen']);
    await search('Datei  löschen');
    expect(service.takeInputs()).toEqual([]);

    tools = { ...tools, send: 'Hands an envelope to somebody', added: 'A new tool' };
    hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
    await until(() => service.requests.flatMap(({ inputs }) => inputs).some((each) => each.includes('envelope')), 5000);
    await indexed();
    const inputs = service.takeInputs();
    expect(inputs).toHaveLength(2);
    expect(inputs.map((each) => each.split('\n')[0]).sort()).toEqual(['files: added', 'files: send']);
    expect((await search('postbote')).hits).toEqual([]);
  });

  it('embeds all tools anew for another model', async () => {
    await startHub('small');
    await indexed();
    await stop();
    service.takeInputs();
    service.dimension = 128;
    await startHub('large');
    await indexed();
    expect(service.takeInputs()).toHaveLength(41);
    expect(await search('Datei löschen')).toMatchObject({ mode: 'hybrid', hits: [{ name: 'delete_file' }] });
  });

  it('is learned by workers that embed nothing themselves', async () => {
    const bus = createBus(() => {});
    const first = await startHub('small', { bus });
    const second = embeddingsOf('small', { bus });
    await second.start();
    const known = second.keyOf('files: forecast\nThe weather forecast of a city');
    await indexed();
    expect(first.has(known)).toBe(true);
    await until(() => second.has(known), 5000);
    expect((await second.read([known])).get(known)).toHaveLength(service.dimension);
    expect(service.takeInputs()).toHaveLength(41);
  });

  const faults: [EmbeddingFaultKind, RegExp][] = [
    ['other-dimension', /97 numbers, and those of the tools have 96/],
    ['not-a-number', /something else than vectors/],
    ['zeros', /something else than vectors/],
    ['fewer', /something else than vectors/],
    ['html', /something else than vectors/],
    ['nothing', /something else than vectors/],
    ['refuses-key', /check MCPHUB_EMBEDDINGS_API_KEY/],
    ['unknown-model', /check MCPHUB_EMBEDDINGS_URL and MCPHUB_EMBEDDINGS_MODEL/],
    ['busy', /enough requests/],
    ['broken', /cannot be reached/],
    ['silent', /too long/],
  ];
  // The database has no part in these.
  it.each(kind === 'embedded' ? faults : [])('goes on by words when the service is: %s', async (fault, words) => {
    await startHub('small', { pauseMs: 60_000 });
    await indexed();
    const before = service.requests.length;
    service.fault = fault;
    for (let at = 0; at < 20; at++) {
      const startedAt = performance.now();
      const answer = await search(`delete file ${at}`);
      expect(answer).toMatchObject({ mode: 'lexical', warning: expect.stringMatching(words) });
      expect(answer.hits[0]?.name).toBe('delete_file');
      // Only the first one waits.
      expect(performance.now() - startedAt).toBeLessThan(at === 0 ? 4000 : 1000);
    }
    expect(service.requests.length - before).toBe(1);
    expect(status()).toMatchObject({ mode: 'lexical', embedded: 41, warning: expect.stringMatching(words) });
    expect(lines.filter(({ msg }) => msg.includes('by words alone')).length).toBe(1);
  });

  it('goes back to vectors by itself, and lost nothing', async () => {
    await startHub();
    await indexed();
    service.fault = 'refuses-key';
    // What fails together is one failure: the pause is not as long as after twelve.
    const together = await Promise.all(Array.from({ length: 12 }, (_, at) => search(`delete something ${at}`)));
    expect(new Set(together.map(({ mode }) => mode))).toEqual(new Set(['lexical']));
    service.fault = null;
    await until(async () => (await search('Datei löschen')).mode === 'hybrid', 5000);
    expect(status()).toMatchObject({ mode: 'hybrid', embedded: 41, warning: null });
    expect(service.requests.flatMap(({ inputs }) => inputs).filter((each) => each.startsWith('files:'))).toHaveLength(
      40,
    );
  });

  it('waits as long as a busy service asks for before it goes on to embed', async () => {
    service.fault = 'busy';
    service.retryAfter = '1';
    await startHub();
    await until(() => service.requests.length === 1, 5000);
    const startedAt = performance.now();
    service.fault = null;
    await indexed();
    expect(performance.now() - startedAt).toBeGreaterThan(800);
    expect(service.requests.length).toBeLessThan(5);
  });

  it('leaves out the one text that is refused, and takes smaller batches where large ones are refused', async () => {
    service.refuses = /wheel number 7 /;
    service.batchMax = 10;
    await startHub();
    await until(() => status().embedded === 40, 10_000);
    expect(service.requests.length).toBeLessThan(20);
    expect(status().warning).toBeNull();
    expect((await search('wheel number 7')).mode).toBe('hybrid');
    expect((await search('step_7')).hits[0]?.name).toBe('step_7');
  });

  it('asks a service that refuses everything ever more rarely', async () => {
    service.refuses = /./;
    await startHub('small', { pauseMs: 60_000 });
    await until(() => status().warning !== null, 10_000);
    expect(service.requests.length).toBeLessThan(15);
  });

  it('believes that the model has another length now when that goes on, and embeds all tools again', async () => {
    await startHub('small', { patienceMs: 100 });
    await indexed();
    service.dimension = 64;
    await until(async () => (await search('Datei löschen')).mode === 'hybrid', 15_000);
    await indexed();
    expect((await search('Datei löschen')).hits[0]?.name).toBe('delete_file');
  });

  // The other database of the tests has no pgvector to gain.
  if (kind === 'postgres') return;

  it('reads what was stored before the database had pgvector, and moves it', async () => {
    await database.db.execute(sql`drop extension vector cascade`);
    const vectors = vectorsOf(16_001, ...Array.from({ length: 40 }, () => 96));
    await saveVectors(database.db, 'other', vectors);
    await expectStored(vectors);
    expect(await migrate(database)).toEqual({ vector: true });
    expect(await columns()).toEqual({ bytes: 41, embedding: 0, wrong: 0 });
    await expectStored(vectors);
    const times = sql`select text_hash, used_at, updated_at from tool_embeddings order by 1`;
    const before = [...(await database.db.execute(times))];
    // Two at once, as two workers may for a moment.
    const [first, second] = await Promise.all([moveVectors(database.db), moveVectors(database.db)]);
    await expectStored(vectors);
    expect(first + second + (await moveVectors(database.db)) + (await moveVectors(database.db))).toBe(40);
    expect(await columns()).toEqual({ bytes: 1, embedding: 40, wrong: 0 });
    await expectStored(vectors);
    expect([...(await database.db.execute(times))]).toEqual(before);
    expect(await moveVectors(database.db)).toBe(0);
  });

  it('goes on while its database gains pgvector, asks for nothing again, and for all when it is lost', async () => {
    await database.db.execute(sql`drop extension vector cascade`);
    await startHub();
    await indexed();
    expect(service.takeInputs()).toHaveLength(41);
    expect(await database.db.$count(toolEmbeddings, sql`bytes is not null`)).toBe(41);

    expect(await migrate(database)).toEqual({ vector: true });
    tools = { ...tools, added: 'Tells the weather' };
    hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
    await until(() => status().embedded === 42, 10_000);
    expect(service.takeInputs()).toHaveLength(1);
    expect((await columns()).embedding).toBeGreaterThan(0);
    expect((await search('regenschirm')).hits.map(({ name }) => name).sort()).toEqual(['added', 'forecast']);

    await stop();
    await startHub();
    await until(() => status().embedded === 42, 10_000);
    expect(await search('Datei löschen')).toMatchObject({ mode: 'hybrid', hits: [{ name: 'delete_file' }] });
    expect(service.takeInputs().filter((each) => each.includes(':'))).toEqual([]);
    await until(async () => (await columns()).bytes === 0, 10_000);
    expect(await columns()).toEqual({ bytes: 0, embedding: 42, wrong: 0 });

    await stop();
    await database.db.execute(sql`drop extension vector cascade`);
    await startHub();
    await until(() => status().embedded === 42, 10_000);
    expect(service.takeInputs()).toHaveLength(42);
    expect(await search('Datei löschen')).toMatchObject({ mode: 'hybrid', hits: [{ name: 'delete_file' }] });
    await migrate(database);
  });
});
