// `npm run bench:routing`: how well requests find their tools, beside plain BM25 on the same data, with vectors of
// different worth (vectors.ts), with those of a real model where the settings name a service of embeddings, and what it
// costs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { env } from '../../../lib/env';
import { ToolIndex } from '../../../lib/routing';
import { median, table } from '../support';
import { plainBm25, type Query, qualityOf, type Tool, toIndexed } from './score';
import { serviceArm } from './service';
import { type VectorArm, vectorArms } from './vectors';

const data = join(import.meta.dirname, 'data');

interface Goal {
  ndcg: number;
  recall5: number;
}

const sets: Record<string, Goal> = {
  rapidapi: { ndcg: 0.74, recall5: 0.74 },
  plugins: { ndcg: 0.64, recall5: 0.7 },
  mcpref: { ndcg: 0.74, recall5: 0.85 },
};
const found = 100;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** @returns the exit code; a missed goal is only shown */
export async function benchRouting(): Promise<number> {
  const rows = Object.entries(sets).map(([name, goal]) => {
    const tools = read<Tool>(`${name}.tools`);
    const queries = read<Query>(`${name}.queries`);
    const index = indexOf(tools);
    const rank = (query: string) => index.search(query, { limit: found }).map(({ slot }) => tools[slot]?.id ?? '');
    const ours = qualityOf(queries, rank);
    const plain = qualityOf(queries, plainBm25(tools));
    return [
      name,
      String(tools.length),
      `${shown(ours.ndcg)} (goal ${shown(goal.ndcg)})`,
      `${shown(ours.recall5)} (goal ${shown(goal.recall5)})`,
      shown(ours.hit1),
      shown(plain.ndcg),
      `${(ours.ndcg / plain.ndcg).toFixed(2)} ×`,
    ];
  });
  table('Requests and their tools', ['set', 'tools', 'NDCG@10', 'R@5', 'hit@1', 'plain BM25', 'ratio'], rows);
  table(
    'NDCG@10 with vectors, made up, none of a real model: by themselves, and with words (against words alone)',
    ['vectors', ...Object.keys(sets)],
    withVectors(),
  );
  const model = env().MCPHUB_EMBEDDINGS_MODEL;
  const real = await withService();
  if (model && real.length > 0) {
    table(
      `NDCG@10 with vectors of ${model}`,
      ['set', 'requests', 'words alone', 'vectors alone', 'both', 'against words'],
      real,
    );
  }
  const pool = read<Tool>('rapidapi.tools');
  const queries = read<Query>('rapidapi.queries');
  const costs = [500, 7_000].map((count) => costOf(pool, queries, count));
  table(
    'What it costs, in one thread',
    ['tools', 'index, ms', 'MB', 'search p50, ms', 'p95, ms', 'a change, ms'],
    costs,
  );
  return 0;
}

/** What bad vectors may cost at most. */
const lossMax = 0.01;
/** Of each set, so that all arms take two minutes. */
const triedQueries = 250;

function withVectors(): string[][] {
  const rows = new Map<string, string[]>();
  for (const name of Object.keys(sets)) {
    const tools = read<Tool>(`${name}.tools`);
    const all = read<Query>(`${name}.queries`);
    const every = Math.ceil(all.length / triedQueries);
    const queries = all.filter((_, at) => at % every === 0);
    const index = indexOf(tools);
    for (const arm of vectorArms(tools, queries)) {
      const { alone, both, gain } = compared(index, tools, queries, arm);
      const row = rows.get(arm.name) ?? [arm.name];
      rows.set(arm.name, [...row, `${shown(alone)} → ${shown(both)} (${signed(gain)})`]);
    }
  }
  return [...rows.values()];
}

/** One row for each set; none where no service is set up. @throws EmbeddingFault where it fails */
async function withService(): Promise<string[][]> {
  const { MCPHUB_EMBEDDINGS_URL: url, MCPHUB_EMBEDDINGS_MODEL: model, MCPHUB_EMBEDDINGS_API_KEY: apiKey } = env();
  const rows: string[][] = [];
  if (!url || !model) return rows;
  for (const name of Object.keys(sets)) {
    const tools = read<Tool>(`${name}.tools`);
    const queries = read<Query>(`${name}.queries`);
    const arm = await serviceArm({ url, model, apiKey }, env().MCPHUB_EGRESS, tools, queries);
    const { words, alone, both, gain } = compared(indexOf(tools), tools, queries, arm);
    rows.push([name, String(queries.length), shown(words), shown(alone), shown(both), signed(gain)]);
  }
  return rows;
}

/** NDCG@10 of words, of vectors, and of both together. */
function compared(index: ToolIndex, tools: readonly Tool[], queries: readonly Query[], arm: VectorArm) {
  arm.tools.forEach((vector, slot) => void index.putVector(slot, vector));
  const vectors = new Map(queries.map(({ query }, at) => [query, arm.queries[at] as Float32Array]));
  const vectorOf = (query: string) => vectors.get(query) as Float32Array;
  const idsOf = (slots: { slot: number }[]) => slots.map(({ slot }) => tools[slot]?.id ?? '');
  const words = qualityOf(queries, (query) => idsOf(index.search(query, { limit: found }))).ndcg;
  const alone = qualityOf(queries, (query) =>
    nearest(arm.tools, vectorOf(query)).map((at) => tools[at]?.id ?? ''),
  ).ndcg;
  const both = qualityOf(queries, (query) =>
    idsOf(index.search(query, { limit: found, vector: vectorOf(query) })),
  ).ndcg;
  return { words, alone, both, gain: both - words };
}

function nearest(tools: readonly Float32Array[], vector: Float32Array): number[] {
  const cosines = Float64Array.from(tools, (tool) => {
    let cosine = 0;
    for (let at = 0; at < vector.length; at++) cosine += (tool[at] as number) * (vector[at] as number);
    return cosine;
  });
  return [...cosines.keys()].sort((a, b) => (cosines[b] as number) - (cosines[a] as number)).slice(0, 10);
}

function costOf(pool: readonly Tool[], queries: readonly Query[], count: number): (string | number)[] {
  // Of a catalogue of this size: the same tools under servers of other names.
  const tools = Array.from({ length: count }, (_, at) => {
    const tool = pool[at % pool.length] as Tool;
    return { ...tool, server: `${tool.server} ${Math.floor(at / pool.length)}` };
  });
  collect();
  const before = memory();
  const startedMs = performance.now();
  const index = indexOf(tools);
  const indexMs = performance.now() - startedMs;
  collect();
  const bytes = memory() - before;
  for (const { query } of queries.slice(0, 50)) index.search(query, { limit: 10 });
  const searches = queries.map(({ query }) => timed(() => index.search(query, { limit: 10 }))).sort((a, b) => a - b);
  const changes = tools.slice(0, 200).map((tool, slot) => timed(() => index.put(slot, toIndexed(tool))));
  const p95 = searches[Math.floor(searches.length * 0.95)] ?? 0;
  return [
    String(count),
    indexMs.toFixed(0),
    (bytes / 1e6).toFixed(1),
    median(searches).toFixed(2),
    p95.toFixed(2),
    median(changes).toFixed(2),
  ];
}

function timed(run: () => unknown): number {
  const startedMs = performance.now();
  run();
  return performance.now() - startedMs;
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function indexOf(tools: readonly Tool[]): ToolIndex {
  const index = new ToolIndex();
  tools.forEach((tool, slot) => void index.put(slot, toIndexed(tool)));
  return index;
}

function shown(value: number): string {
  return value.toFixed(3).replace(/^0/, '');
}

function signed(gain: number): string {
  return `${gain < 0 ? '-' : '+'}${shown(Math.abs(gain))}${gain < -lossMax ? ' TOO MUCH' : ''}`;
}

function read<T>(name: string): T[] {
  const text = readFileSync(join(data, `${name}.jsonl`), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}
