// How good a ranking is, by the usual measures (Järvelin and Kekäläinen, 2002), and a plain BM25 to hold it against.
import type { IndexedTool } from '../../../lib/routing';

export interface Tool {
  id: string;
  server: string;
  name: string;
  description: string;
  inputSchema?: { properties?: Record<string, { description?: string } | null> };
}

/** As the hub's index takes it. */
export function toIndexed({ server, name, description, inputSchema }: Tool): IndexedTool {
  const parameters = Object.entries(inputSchema?.properties ?? {});
  return {
    server,
    name,
    description,
    parameters: parameters.map(([each, schema]) => ({ name: each, description: schema?.description ?? '' })),
  };
}

export interface Query {
  id: string;
  query: string;
  relevant: string[];
  /** What finding a tool is worth; 1 where nothing is said. */
  grades?: Record<string, number>;
}

/** Averages over all queries, each from 0 to 1. */
export interface Quality {
  /** NDCG@10 with linear gains. */
  ndcg: number;
  /** Share of a query's tools among the first five. */
  recall5: number;
  /** Share of queries whose first tool is a right one. */
  hit1: number;
}

const depth = 10;

export function qualityOf(queries: readonly Query[], rank: (query: string) => string[]): Quality {
  const sum: Quality = { ndcg: 0, recall5: 0, hit1: 0 };
  for (const { query, relevant, grades } of queries) {
    const ranked = rank(query);
    const gain = (id: string | undefined) => (id !== undefined && relevant.includes(id) ? (grades?.[id] ?? 1) : 0);
    const discounted = (gains: number[]) => gains.reduce((total, each, at) => total + each / Math.log2(at + 2), 0);
    const best = relevant.map(gain).sort((a, b) => b - a);
    const ideal = discounted(best.slice(0, depth));
    sum.ndcg += ideal === 0 ? 0 : discounted(ranked.slice(0, depth).map(gain)) / ideal;
    sum.recall5 += ranked.slice(0, 5).filter((id) => relevant.includes(id)).length / relevant.length;
    sum.hit1 += relevant.includes(ranked[0] ?? '') ? 1 : 0;
  }
  const average = (total: number) => total / queries.length;
  return { ndcg: average(sum.ndcg), recall5: average(sum.recall5), hit1: average(sum.hit1) };
}

/** BM25 over name and description with the usual constants, without stems, stop words or anything else. */
export function plainBm25(tools: readonly Tool[]): (query: string) => string[] {
  const words = (text: string) =>
    text
      .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  const documents = tools.map(({ name, description }) => words(`${name} ${description}`));
  const usual = documents.reduce((total, { length }) => total + length, 0) / documents.length;
  const having = new Map<string, Map<number, number>>();
  documents.forEach((document, at) => {
    for (const word of document) {
      const counts = having.get(word) ?? new Map<number, number>();
      having.set(word, counts.set(at, (counts.get(at) ?? 0) + 1));
    }
  });
  return (query) => {
    const scores = new Map<number, number>();
    for (const word of new Set(words(query))) {
      const counts = having.get(word) ?? new Map<number, number>();
      const rarity = Math.log(1 + (documents.length - counts.size + 0.5) / (counts.size + 0.5));
      for (const [at, count] of counts) {
        const length = documents[at]?.length ?? 0;
        const value = (rarity * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * length) / usual));
        scores.set(at, (scores.get(at) ?? 0) + value);
      }
    }
    return [...scores].sort(([a, x], [b, y]) => y - x || a - b).map(([at]) => tools[at]?.id ?? '');
  };
}
