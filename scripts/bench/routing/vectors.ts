// Vectors to try the ranking with, made up and always the same, for no model of embeddings is at hand: noise, vectors that
// are mixed up, vectors that only count words, and vectors near the truth to different degrees. The last kind knows the
// right answers, so it says what good vectors would gain and nothing of any real model.
import { gramsOf, termsOf } from '../../../lib/routing/words';
import type { Query, Tool } from './score';

export interface VectorArm {
  name: string;
  /** One for each tool, of length 1. */
  tools: Float32Array[];
  /** One for each query, of length 1. */
  queries: Float32Array[];
}

const dimension = 64;

export function* vectorArms(tools: readonly Tool[], queries: readonly Query[]): Iterable<VectorArm> {
  const random = (kind: string) => (_: unknown, at: number) => direction(`${kind} ${at}`, dimension);
  const noise = tools.map(random('noise'));
  // Tools of one server are akin.
  const meant = tools.map(({ id, server }) =>
    sum([direction(`server ${server}`), 0.7], [direction(`tool ${id}`), 0.8]),
  );
  const byId = new Map(tools.map(({ id }, at) => [id, meant[at] as Float32Array]));
  const near = (error: number) =>
    queries.map(({ id, relevant }) => {
      const right = sum(...relevant.map((tool): Part => [byId.get(tool) as Float32Array, 1]));
      return sum([right, 1], [direction(`query ${id}`), error]);
    });
  const other = (at: number, length: number) => (at * 7919 + 13) % length;

  yield { name: 'noise', tools: noise, queries: queries.map(random('noise of query')) };
  yield {
    name: 'one vector for all',
    tools: tools.map(() => direction('one')),
    queries: queries.map(() => direction('one')),
  };
  yield { name: 'tools good, requests noise', tools: meant, queries: queries.map(random('noise of query')) };
  const good = near(0.5);
  yield {
    name: 'of another request',
    tools: meant,
    queries: queries.map((_, at) => good[other(at, queries.length)] as Float32Array),
  };
  const counted = countsOf(tools, (text) => termsOf(text).map(({ term }) => term), 512, true);
  const countedQueries = queries.map(({ query }) => counted.of(query));
  yield {
    name: 'of another tool',
    tools: tools.map((_, at) => counted.tools[other(at, tools.length)] as Float32Array),
    queries: countedQueries,
  };
  const words = countsOf(tools, (text) => termsOf(text).map(({ term }) => term), 64, false);
  yield { name: 'counts words, 64', tools: words.tools, queries: queries.map(({ query }) => words.of(query)) };
  const pieces = countsOf(tools, (text) => [...gramsOf(text)], 128, false);
  yield {
    name: 'counts pieces of words, 128',
    tools: pieces.tools,
    queries: queries.map(({ query }) => pieces.of(query)),
  };
  yield { name: 'counts rare words, 512', tools: counted.tools, queries: countedQueries };
  for (const error of [4, 2.5, 1.5, 1, 0.6])
    yield { name: `truth with an error of ${error}`, tools: meant, queries: near(error) };
}

type Part = readonly [vector: Float32Array, weight: number];

function sum(...parts: Part[]): Float32Array {
  const total = new Float32Array(parts[0]?.[0].length ?? dimension);
  for (const [vector, weight] of parts) {
    for (let at = 0; at < total.length; at++) total[at] = (total[at] as number) + weight * (vector[at] as number);
  }
  return toUnit(total);
}

/** A random projection of how often terms occur: real vectors of texts, of the simplest kind. */
function countsOf(tools: readonly Tool[], termsOfText: (text: string) => string[], length: number, byRarity: boolean) {
  const texts = tools.map(({ server, name, description }) => [
    ...new Set(termsOfText(`${server} ${name} ${description}`)),
  ]);
  const having = new Map<string, number>();
  for (const terms of texts) for (const term of terms) having.set(term, (having.get(term) ?? 0) + 1);
  const weightOf = (term: string) => (byRarity ? Math.log(1 + tools.length / (having.get(term) ?? 1)) : 1);
  const ofTerms = (terms: readonly string[]) => {
    if (terms.length === 0) return direction('nothing', length);
    return sum(...terms.map((term): Part => [direction(`term ${term}`, length), weightOf(term)]));
  };
  return { tools: texts.map(ofTerms), of: (text: string) => ofTerms([...new Set(termsOfText(text))]) };
}

const known = new Map<string, Float32Array>();

/** A random direction that belongs to a name. */
function direction(name: string, length = dimension): Float32Array {
  const key = `${length} ${name}`;
  const made = known.get(key);
  if (made) return made;
  let state = 0x811c9dc5;
  for (const character of name) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193);
  const next = () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  // Box and Muller: normal in each coordinate, so of no preferred direction.
  const vector = Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  );
  const unit = toUnit(vector);
  known.set(key, unit);
  return unit;
}

function toUnit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
