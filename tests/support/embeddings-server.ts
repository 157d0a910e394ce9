// A service of embeddings as OpenAI defines it (POST /v1/embeddings), over real HTTP. Its model knows a few ideas in
// several languages and takes every other word for itself, so that its vectors mean something and never change. Its
// faults are those that services really have.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type EmbeddingFaultKind =
  | 'other-dimension'
  | 'not-a-number'
  | 'zeros'
  | 'fewer'
  | 'html'
  | 'nothing'
  | 'refuses-key'
  | 'unknown-model'
  | 'busy'
  | 'broken'
  | 'silent';

export interface EmbeddingsServer {
  /** Base URL, as a hub is given it. */
  url: string;
  /** What it does from now on; null: it answers. */
  fault: EmbeddingFaultKind | null;
  /** Length of its vectors. */
  dimension: number;
  /** How long it computes over a request. */
  takesMs: number;
  /** Seconds or a date, with `busy`. */
  retryAfter: string | null;
  /** A batch that holds such a text is refused. */
  refuses: RegExp | null;
  /** Texts at most in a request; more are refused. */
  batchMax: number;
  /** Requests so far, with what each of them was about. */
  readonly requests: { model: string; inputs: string[]; key: string | null }[];
  /** All texts of all requests since the last look. */
  takeInputs(): string[];
  close(): Promise<void>;
}

const ideas = [
  ['delete', 'remove', 'erase', 'löschen', 'loeschen', 'supprimer', 'radiergummi'],
  ['read', 'lesen', 'lire', 'contents', 'vorlesen'],
  ['file', 'datei', 'fichier', 'document', 'schriftstück'],
  ['weather', 'forecast', 'wetter', 'météo', 'regenschirm'],
  ['mail', 'message', 'brief', 'courrier', 'postbote'],
];

export async function startEmbeddingsServer(key: string | null = null): Promise<EmbeddingsServer> {
  const requests: EmbeddingsServer['requests'] = [];
  let taken = 0;
  const held = new Set<ServerResponse>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>;
    const inputs = (Array.isArray(body.input) ? body.input : [body.input]).map(String);
    const given = request.headers.authorization?.replace(/^Bearer /, '') ?? null;
    requests.push({ model: String(body.model), inputs, key: given });
    const fail = (status: number, message: string, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify({ error: { message, type: 'error', code: null } }));
    };
    if (request.method !== 'POST' || request.url !== '/v1/embeddings') return fail(404, 'no such path');
    if (key !== null && given !== key) return fail(401, `Incorrect API key provided: ${given}`);
    switch (server.fault) {
      case 'silent':
        held.add(response);
        return;
      case 'nothing':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end();
        return;
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(`<html><body>Sign in to go on, ${given}</body></html>`);
        return;
      case 'refuses-key':
        return fail(401, `Incorrect API key provided: ${given}`);
      case 'unknown-model':
        return fail(404, `The model ${body.model} does not exist`);
      case 'busy':
        return fail(429, 'Rate limit reached', server.retryAfter === null ? {} : { 'retry-after': server.retryAfter });
      case 'broken':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' });
        response.write('{"data":[');
        response.destroy();
        return;
    }
    const { refuses, batchMax, takesMs } = server;
    if (takesMs > 0) await new Promise((resolve) => setTimeout(resolve, takesMs));
    if (inputs.length > batchMax) return fail(413, `batch size ${inputs.length} > ${batchMax}`);
    if (refuses && inputs.some((each) => refuses.test(each))) return fail(400, 'input is too long');
    const dimension = server.fault === 'other-dimension' ? server.dimension + 1 : server.dimension;
    const data = inputs.map((text, index) => {
      const vector = server.fault === 'zeros' ? new Array(dimension).fill(0) : vectorOf(text, dimension);
      const isBase64 = body.encoding_format === 'base64';
      const embedding = isBase64 ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
      return { object: 'embedding', index, embedding };
    });
    if (server.fault === 'fewer') data.pop();
    const usage = { prompt_tokens: inputs.length, total_tokens: inputs.length };
    const text = JSON.stringify({ object: 'list', data, model: body.model, usage });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(server.fault === 'not-a-number' ? text.replace(/\[-?\d[^,]*,/, '[NaN,') : text);
  }

  const http = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: EmbeddingsServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`,
    fault: null,
    dimension: 96,
    takesMs: 0,
    retryAfter: null,
    refuses: null,
    batchMax: 2048,
    requests,
    takeInputs() {
      const inputs = requests.slice(taken).flatMap((each) => each.inputs);
      taken = requests.length;
      return inputs;
    },
    async close() {
      for (const response of held) response.destroy();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return server;
}

/** The sum of a direction for each word, in which words of one idea are the same word. */
export function vectorOf(text: string, dimension: number): number[] {
  const sum = new Array<number>(dimension).fill(0);
  for (const word of new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['nothing'])) {
    const idea = ideas.findIndex((words) => words.includes(word));
    const weight = idea < 0 ? 0.3 : 1;
    let state = hashOf(idea < 0 ? word : `idea ${idea}`);
    for (let at = 0; at < dimension; at++) {
      // Marsaglia's xorshift.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      sum[at] = (sum[at] as number) + (weight * state) / 2 ** 31;
    }
  }
  return sum;
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash === 0 ? 1 : hash;
}
