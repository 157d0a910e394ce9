// Finds the tools that a request in plain words is about. BM25F (Robertson and Zaragoza, "The Probabilistic Relevance
// Framework", 2009, section 3.6) over the fields of a tool, with synonyms that count once per idea, pieces of words for
// slips of the pen, the fit of the whole server, and each part of a long request by itself. Nothing in it depends on the
// order in which tools came, so that every worker ranks alike and a change costs no more than the tool itself.
import { fuse, fusionLooksAt } from './fusion';
import { Nearness } from './nearness';
import { PostingsByTerm } from './postings';
import { type Need, readRequest, type WantedTerm } from './request';
import type { ToolField as Field, SearchReason } from './schema';
import { synonymsOf } from './synonyms';
import { gramsOf, nameKeyOf, stemOf, termsOf } from './words';

export interface IndexedTool {
  server: string;
  /** Original name. */
  name: string;
  title?: string;
  description: string;
  parameters: { name: string; description: string }[];
}

export interface Found {
  slot: number;
  /** 1 for the best of all, less for the others; beyond 1 where the request names the tool. */
  score: number;
  why: SearchReason[];
  /** Cosine of the vectors of request and tool, where there are both. */
  nearness?: number;
}

export interface SearchOptions {
  limit: number;
  /** Which slots may be found, a bit each; all where absent. Nothing else has any influence on what is found. */
  allowed?: Uint8Array;
  /** Of the request, as long as those of the tools and of length 1; without it words alone rank. */
  vector?: Float32Array;
}

/** Weight of a term in a field, how much a long field weakens it (0 to 1), and which length is usual, in terms. */
const fields: Record<Field, { weight: number; b: number; usual: number }> = {
  name: { weight: 2.5, b: 0.7, usual: 2.5 },
  server: { weight: 1.5, b: 0.7, usual: 2.5 },
  description: { weight: 1, b: 0.8, usual: 12 },
  parameter: { weight: 1, b: 0.6, usual: 3 },
  parameterDescription: { weight: 0.5, b: 0.6, usual: 10 },
};
const fieldNames = Object.keys(fields) as Field[];
const saturation = 1.6;

/** A synonym of a word that some tool has itself, and of one that none has. */
const synonymWeight = 0.3;
const onlySynonymWeight = 0.6;
const gramWeight = 0.1;
const unknownWordGramWeight = 0.2;
const partsWeight = 0.4;

const serverWeight = 0.6;
const serverSaturation = 1.2;
const serverNameWeight = 3;
const serverB = 0.7;
const usualServer = 40;
/** Where nearly each server has one tool, the server says the same as the tool. */
const serverShareMax = 0.9;

const namedInRequest = 1;
const isTheRequest = 2;

interface Server {
  /** A small number of its own while it has tools. */
  at: number;
  tools: number;
  nameTerms: Set<string>;
  counts: Map<string, number>;
  length: number;
}

export class ToolIndex {
  readonly #tools: (IndexedTool | undefined)[] = [];
  readonly #vectors = new Nearness();
  readonly #terms = new PostingsByTerm();
  readonly #grams = new PostingsByTerm();
  readonly #byName = new Map<string, Set<number>>();
  readonly #servers = new Map<string, Server>();
  /** By slot. */
  readonly #serverOf: (Server | undefined)[] = [];
  readonly #freeServers: number[] = [];
  readonly #serversWith = new Map<string, Set<Server>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts a tool in a slot, a small number of the caller's choice; what was there goes. */
  put(slot: number, tool: IndexedTool): void {
    this.remove(slot);
    this.#tools[slot] = tool;
    this.#size++;
    for (const [term, weight] of weightsOf(tool)) this.#terms.add(term, slot, weight);
    for (const gram of gramsOfTool(tool)) this.#grams.add(gram, slot, 1);
    for (const key of nameKeysOf(tool)) {
      const slots = this.#byName.get(key) ?? new Set();
      this.#byName.set(key, slots.add(slot));
    }
    this.#join(slot, tool);
  }

  remove(slot: number): void {
    const tool = this.#tools[slot];
    if (!tool) return;
    this.#tools[slot] = undefined;
    this.#serverOf[slot] = undefined;
    this.#vectors.remove(slot);
    this.#size--;
    for (const term of weightsOf(tool).keys()) this.#terms.remove(term, slot);
    for (const gram of gramsOfTool(tool)) this.#grams.remove(gram, slot);
    for (const key of nameKeysOf(tool)) {
      const slots = this.#byName.get(key);
      slots?.delete(slot);
      if (slots?.size === 0) this.#byName.delete(key);
    }
    this.#leave(tool);
  }

  /** What a model makes of the tool in a slot, of length 1. It goes with the tool. */
  putVector(slot: number, vector: Float32Array): void {
    if (this.#tools[slot]) this.#vectors.put(slot, vector);
  }

  /** The best first. */
  search(text: string, options: SearchOptions): Found[] {
    return this.rank(text, options).found;
  }

  /** As `search`, with whether vectors had a part in it. */
  rank(text: string, { limit, allowed, vector }: SearchOptions): { found: Found[]; byVectors: boolean } {
    const request = readRequest(text);
    const mayFind = (slot: number) =>
      this.#tools[slot] !== undefined && (!allowed || ((allowed[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0);
    let scores = this.#scoresOf(request.whole, mayFind);
    if (request.parts.length > 0) scores = this.#withParts(scores, request.parts, mayFind);
    else scaleToOne(scores);
    const nearness = vector ? this.#vectors.to(vector, this.#tools.length, mayFind) : null;
    if (nearness) {
      const { terms } = request.whole;
      const first = best(scores, fusionLooksAt).filter((slot) => hasWordOf(this.#tools[slot] as IndexedTool, terms));
      fuse(scores, nearness, first, request.parts.length > 0);
      scaleToOne(scores);
    }
    this.#addNamed(scores, request.names.whole, isTheRequest, mayFind);
    for (const name of request.names.within) this.#addNamed(scores, nameKeyOf(name), namedInRequest, mayFind);
    const found = best(scores, limit).map((slot) => {
      const near = nearness?.[slot] ?? Number.NaN;
      return {
        slot,
        score: scores[slot] as number,
        why: reasonsOf(this.#tools[slot] as IndexedTool, request.whole.terms),
        ...(!Number.isNaN(near) && { nearness: near }),
      };
    });
    return { found, byVectors: nearness !== null };
  }

  #withParts(whole: Float64Array, parts: Need[], mayFind: (slot: number) => boolean): Float64Array {
    const bestPart = new Float64Array(whole.length);
    for (const part of parts) {
      const scores = this.#scoresOf(part, mayFind);
      for (let slot = 0; slot < scores.length; slot++) {
        if ((scores[slot] as number) > (bestPart[slot] as number)) bestPart[slot] = scores[slot] as number;
      }
    }
    scaleToOne(whole);
    scaleToOne(bestPart);
    return whole.map((score, slot) => (score + partsWeight * (bestPart[slot] as number)) / (1 + partsWeight));
  }

  #addNamed(scores: Float64Array, key: string, bonus: number, mayFind: (slot: number) => boolean): void {
    for (const slot of this.#byName.get(key) ?? []) if (mayFind(slot)) scores[slot] = (scores[slot] as number) + bonus;
  }

  #scoresOf({ terms, words }: Need, mayFind: (slot: number) => boolean): Float64Array {
    const scores = new Float64Array(this.#tools.length);
    const ofIdea = new Float64Array(this.#tools.length);
    const wanted = new Set(terms.map(({ term }) => term));
    for (const { term, weight } of terms) this.#addIdea(scores, ofIdea, term, weight, wanted);
    for (const word of words) {
      const each = this.#terms.get(stemOf(word)) ? gramWeight : unknownWordGramWeight;
      for (const gram of gramsOf(word)) {
        const postings = this.#grams.get(gram);
        if (!postings) continue;
        const { slots, length } = postings;
        const bonus = each * rarity(length, this.#size);
        for (let at = 0; at < length; at++) {
          const slot = slots[at] as number;
          scores[slot] = (scores[slot] as number) + bonus;
        }
      }
    }
    const ofServer = this.#serverScores(terms, wanted);
    for (let slot = 0; slot < scores.length; slot++) {
      const score = scores[slot] as number;
      if (score === 0) continue;
      if (!mayFind(slot)) scores[slot] = 0;
      else if (ofServer) scores[slot] = score + (ofServer[(this.#serverOf[slot] as Server).at] as number);
    }
    return scores;
  }

  /** A term and its synonyms are one idea: of those that a tool has, the strongest counts. */
  #addIdea(
    scores: Float64Array,
    ofIdea: Float64Array,
    term: string,
    weight: number,
    wanted: ReadonlySet<string>,
  ): void {
    const own = this.#terms.get(term);
    const ownRarity = own ? rarity(own.length, this.#size) : Number.POSITIVE_INFINITY;
    const touched: number[] = [];
    const add = ({ slots, weights, length }: NonNullable<typeof own>, factor: number) => {
      for (let at = 0; at < length; at++) {
        const slot = slots[at] as number;
        const frequency = weights[at] as number;
        const value = (factor * frequency * (saturation + 1)) / (frequency + saturation);
        const before = ofIdea[slot] as number;
        if (value <= before) continue;
        if (before === 0) touched.push(slot);
        scores[slot] = (scores[slot] as number) + value - before;
        ofIdea[slot] = value;
      }
    };
    if (own) add(own, weight * ownRarity);
    for (const synonym of synonymsOf(term)) {
      const postings = wanted.has(synonym) ? undefined : this.#terms.get(synonym);
      if (!postings) continue;
      const share = own ? synonymWeight : onlySynonymWeight;
      add(postings, weight * share * Math.min(rarity(postings.length, this.#size), ownRarity));
    }
    for (const slot of touched) ofIdea[slot] = 0;
  }

  /** How well each server as a whole fits, by its number; null where that would tell nothing new. */
  #serverScores(terms: readonly WantedTerm[], wanted: ReadonlySet<string>): Float64Array | null {
    if (this.#servers.size >= this.#size * serverShareMax) return null;
    const scores = new Float64Array(this.#servers.size + this.#freeServers.length);
    const add = (term: string, weight: number) => {
      const having = this.#serversWith.get(term);
      if (!having) return;
      const factor = serverWeight * weight * rarity(having.size, this.#servers.size) * (serverSaturation + 1);
      for (const server of having) {
        const count = server.counts.get(term) ?? 0;
        const inName = server.nameTerms.has(term) ? serverNameWeight : 0;
        const frequency = inName + count / (1 - serverB + (serverB * server.length) / usualServer);
        scores[server.at] = (scores[server.at] as number) + (factor * frequency) / (frequency + serverSaturation);
      }
    };
    for (const { term, weight } of terms) {
      add(term, weight);
      const share = this.#terms.get(term) ? synonymWeight : onlySynonymWeight;
      for (const synonym of synonymsOf(term)) if (!wanted.has(synonym)) add(synonym, weight * share);
    }
    return scores;
  }

  #join(slot: number, tool: IndexedTool): void {
    let server = this.#servers.get(tool.server);
    if (!server) {
      const nameTerms = new Set(termsOf(tool.server).map(({ term }) => term));
      server = { at: this.#freeServers.pop() ?? this.#servers.size, tools: 0, nameTerms, counts: new Map(), length: 0 };
      this.#servers.set(tool.server, server);
      for (const term of nameTerms) this.#enter(term, server);
    }
    server.tools++;
    this.#serverOf[slot] = server;
    for (const term of ownTermsOf(tool)) {
      server.length++;
      server.counts.set(term, (server.counts.get(term) ?? 0) + 1);
      this.#enter(term, server);
    }
  }

  #enter(term: string, server: Server): void {
    const having = this.#serversWith.get(term) ?? new Set();
    this.#serversWith.set(term, having.add(server));
  }

  #leave(tool: IndexedTool): void {
    const server = this.#servers.get(tool.server);
    if (!server) return;
    server.tools--;
    const gone = new Set<string>();
    for (const term of ownTermsOf(tool)) {
      server.length--;
      const count = (server.counts.get(term) ?? 0) - 1;
      if (count > 0) server.counts.set(term, count);
      else {
        server.counts.delete(term);
        if (!server.nameTerms.has(term)) gone.add(term);
      }
    }
    if (server.tools === 0) {
      this.#servers.delete(tool.server);
      this.#freeServers.push(server.at);
      for (const term of server.nameTerms) gone.add(term);
    }
    for (const term of gone) {
      const having = this.#serversWith.get(term);
      having?.delete(server);
      if (having?.size === 0) this.#serversWith.delete(term);
    }
  }
}

/** Inverse document frequency, never below 0. */
function rarity(having: number, all: number): number {
  return Math.log(1 + (all - having + 0.5) / (having + 0.5));
}

function textsOf(tool: IndexedTool): Record<Field, string> {
  const { server, name, title, description, parameters } = tool;
  return {
    name: title && nameKeyOf(title) !== nameKeyOf(name) ? `${name} ${title}` : name,
    server,
    description,
    parameter: parameters.map((each) => each.name).join(' '),
    parameterDescription: parameters.map((each) => each.description).join(' '),
  };
}

/** What a term weighs in a tool, all fields together: the pseudo frequency of BM25F. */
function weightsOf(tool: IndexedTool): Map<string, number> {
  const weights = new Map<string, number>();
  const texts = textsOf(tool);
  for (const field of fieldNames) {
    const { weight, b, usual } = fields[field];
    const terms = termsOf(texts[field]);
    const each = weight / (1 - b + (b * terms.length) / usual);
    for (const { term } of terms) weights.set(term, (weights.get(term) ?? 0) + each);
  }
  return weights;
}

function ownTermsOf(tool: IndexedTool): string[] {
  const { name, description } = textsOf(tool);
  return termsOf(`${name} ${description}`).map(({ term }) => term);
}

function gramsOfTool({ name, server }: IndexedTool): Set<string> {
  return gramsOf(`${name} ${server}`);
}

function nameKeysOf({ server, name, title }: IndexedTool): Set<string> {
  return new Set([nameKeyOf(name), nameKeyOf(`${server} ${name}`), ...(title ? [nameKeyOf(title)] : [])]);
}

function scaleToOne(scores: Float64Array): void {
  let most = 0;
  for (const score of scores) if (score > most) most = score;
  if (most > 0) for (let slot = 0; slot < scores.length; slot++) scores[slot] = (scores[slot] as number) / most;
}

/** Slots with the highest scores above 0; of equals the lower slot first. */
function best(scores: Float64Array, limit: number): number[] {
  const kept: number[] = [];
  let least = 0;
  for (let slot = 0; slot < scores.length; slot++) {
    const score = scores[slot] as number;
    if (score <= least) continue;
    let at = kept.length;
    while (at > 0 && (scores[kept[at - 1] as number] as number) < score) at--;
    kept.splice(at, 0, slot);
    if (kept.length <= limit) continue;
    kept.pop();
    least = scores[kept[limit - 1] as number] as number;
  }
  return kept;
}

/** Whether more than pieces of a request's words are in a tool. */
function hasWordOf(tool: IndexedTool, wanted: readonly WantedTerm[]): boolean {
  const own = weightsOf(tool);
  return wanted.some(({ term }) => own.has(term) || [...synonymsOf(term)].some((synonym) => own.has(synonym)));
}

function reasonsOf(tool: IndexedTool, wanted: readonly WantedTerm[]): SearchReason[] {
  const texts = textsOf(tool);
  const wordsBy = fieldNames.map((field) => {
    const words = new Map(termsOf(texts[field]).map(({ term, word }) => [term, word]));
    return { field, words };
  });
  return wanted.flatMap(({ term, word }): SearchReason[] => {
    const own = wordsBy.filter(({ words }) => words.has(term)).map(({ field }) => field);
    if (own.length > 0) return [{ word, in: own }];
    for (const synonym of synonymsOf(term)) {
      const having = wordsBy.filter(({ words }) => words.has(synonym));
      const as = having[0]?.words.get(synonym);
      if (as !== undefined) return [{ word, as, in: having.map(({ field }) => field) }];
    }
    return [];
  });
}
