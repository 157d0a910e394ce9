// Asks an OpenAI-compatible service for vectors. While it fails it is asked ever more rarely, by one request at a time,
// and everybody else learns at once that it fails: a dead service costs a search nothing.
import type { EmbeddingModel } from 'ai';
import { isHubError, messageOf } from '../../../lib/errors';
import type { Log } from '../../../lib/log';
import type { Egress } from '../../upstream/egress';
import { createHttpClient } from '../../upstream/openapi/client';
import { EmbeddingFault, faultOfStatus } from './fault';

export interface EmbeddingSettings {
  /** With or without `/embeddings` at its end. */
  url: string;
  model: string;
  apiKey?: string | undefined;
}

export interface EmbeddingServiceOptions {
  settings: EmbeddingSettings;
  egress: Egress;
  userAgent: string;
  log: Log;
  /** A request was answered or failed; `fault` null for a success. */
  asked?(fault: string | null, texts: number): void;
  /** The length of vectors is known, or is another one than before. */
  measured?(): void;
  /** For tests: the first pause after a failure; 2 s. Each further one is twice as long, up to 5 minutes. */
  pauseMs?: number;
  /** For tests: how long answers of another length have to go on before they are believed; a minute. */
  patienceMs?: number;
}

export interface EmbeddingService {
  /** What is wrong, as long as no request has succeeded since. */
  readonly fault: EmbeddingFault | null;
  /** When it may be asked again, in ms of `performance.now()`; 0 while nothing is wrong. */
  readonly retryAtMs: number;
  /** Whether a request would go out now. */
  readonly mayAsk: boolean;
  /** How long vectors are; null before any is known. */
  dimension: number | null;
  /**
   * Vectors of length 1, one for each text.
   * @param mayRefuse that these texts are refused says nothing of others
   * @throws EmbeddingFault, without a request where the service may not be asked now
   */
  embed(texts: readonly string[], timeoutMs: number, mayRefuse?: boolean): Promise<Float32Array[]>;
  /** Cuts what is under way. Idempotent. */
  close(): Promise<void>;
}

const firstPauseMs = 2_000;
const longestPauseMs = 300_000;
/** Of a batch of 32 vectors of 4,096 numbers with 20 characters each it is a third. */
const answerMaxBytes = 16 * 1024 * 1024;
const dimensionMax = 16_384;
/** So many answers in a row of another length, and for so long, are another model and no accident. */
const otherTimes = 3;
const otherPatienceMs = 60_000;

export function createEmbeddingService(options: EmbeddingServiceOptions): EmbeddingService {
  const {
    settings,
    egress,
    userAgent,
    log,
    asked,
    measured,
    pauseMs = firstPauseMs,
    patienceMs = otherPatienceMs,
  } = options;
  const base = new URL(settings.url.replace(/\/+$/, '').replace(/\/embeddings$/, ''));
  const client = createHttpClient({ server: base.host, egress });
  const closing = new AbortController();
  let model: Promise<(texts: readonly string[], signal: AbortSignal) => Promise<number[][]>> | null = null;
  let fault: EmbeddingFault | null = null;
  let retryAtMs = 0;
  let failures = 0;
  let isTrying = false;
  let told = '';
  let other: { dimension: number; times: number; sinceMs: number } | null = null;
  let dimension: number | null = null;

  /** In the place of the global fetch: through the guard, with a cap. @throws EmbeddingFault for all but a success */
  async function guardedFetch(input: unknown, init: RequestInit = {}): Promise<Response> {
    const url = new URL(String(input));
    const signal = init.signal ?? closing.signal;
    const { status, headers, body } = await client
      .request(url, {
        method: 'POST',
        path: url.pathname + url.search,
        headers: { ...Object.fromEntries(new Headers(init.headers)), 'user-agent': userAgent },
        body: Buffer.from(String(init.body)),
        maxBytes: answerMaxBytes,
        signal,
      })
      .catch((error: unknown) => {
        // The reason of the signal is lost on the way.
        throw signal.aborted ? signal.reason : connectionFault(error);
      });
    if (status !== 200) throw faultOfStatus(status, headers['retry-after'], withoutKey(body.toString('utf8')));
    return new Response(body.toString('utf8'), { status, headers: { 'content-type': 'application/json' } });
  }

  /** The libraries are read by the first request, so that a hub without a service never reads them. */
  async function load() {
    const [{ embedMany }, { createOpenAICompatible }] = await Promise.all([
      import('ai'),
      import('@ai-sdk/openai-compatible'),
    ]);
    const { apiKey } = settings;
    const provider = createOpenAICompatible({
      name: 'embeddings',
      baseURL: base.href.replace(/\/+$/, ''),
      ...(apiKey && { apiKey }),
      fetch: guardedFetch as typeof fetch,
    });
    const embedder: EmbeddingModel = provider.embeddingModel(settings.model);
    return async (texts: readonly string[], abortSignal: AbortSignal) =>
      (await embedMany({ model: embedder, values: [...texts], maxRetries: 0, abortSignal })).embeddings;
  }

  async function request(texts: readonly string[], timeoutMs: number): Promise<Float32Array[]> {
    const timeout = new AbortController();
    const timer = setTimeout(
      () => timeout.abort(new EmbeddingFault('timeout', 'The embeddings service takes too long to answer.')),
      timeoutMs,
    );
    try {
      model ??= load();
      const embed = await model;
      return checked(await embed(texts, AbortSignal.any([timeout.signal, closing.signal])), texts.length);
    } catch (error) {
      throw timeout.signal.aborted ? timeout.signal.reason : faultOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws EmbeddingFault */
  function checked(vectors: number[][], count: number): Float32Array[] {
    if (vectors.length !== count) throw badAnswer(`${vectors.length} vectors for ${count} texts`);
    const length = vectors[0]?.length ?? 0;
    if (length === 0 || length > dimensionMax || vectors.some((each) => each.length !== length)) {
      throw badAnswer('its vectors have no one length');
    }
    const units = vectors.map(toUnit);
    if (dimension !== null && length !== dimension && !isBelieved(length)) {
      throw new EmbeddingFault(
        'other-dimension',
        `The embeddings service gives vectors of ${length} numbers, and those of the tools have ${dimension}: MCPHUB_EMBEDDINGS_MODEL is answered by another model.`,
        { dimension: length },
      );
    }
    other = null;
    if (dimension !== length) {
      dimension = length;
      measured?.();
    }
    return units;
  }

  function isBelieved(length: number): boolean {
    if (other?.dimension !== length) other = { dimension: length, times: 0, sinceMs: performance.now() };
    other.times++;
    return other.times >= otherTimes && performance.now() - other.sinceMs >= patienceMs;
  }

  function failed(error: EmbeddingFault): void {
    // Requests that were under way together are one failure.
    if (performance.now() >= retryAtMs) failures++;
    fault = error;
    const ownMs = pauseMs * 2 ** Math.min(failures - 1, 20);
    retryAtMs = performance.now() + Math.min(Math.max(ownMs, error.retryAfterMs ?? 0), longestPauseMs);
    if (told === error.code) return;
    told = error.code;
    const { code, detail } = error;
    log.warn(
      { reason: code, ...(detail && { detail: withoutKey(detail) }) },
      `tools are searched by words alone: ${error.message}`,
    );
  }

  function succeeded(): void {
    if (fault) log.info('the embeddings service answers again');
    fault = null;
    failures = 0;
    retryAtMs = 0;
    told = '';
  }

  function withoutKey(text: string): string {
    return settings.apiKey ? text.replaceAll(settings.apiKey, '[redacted]') : text;
  }

  const mayAsk = () => !closing.signal.aborted && (!fault || (!isTrying && performance.now() >= retryAtMs));

  return {
    get fault() {
      return fault;
    },
    get retryAtMs() {
      return retryAtMs;
    },
    get mayAsk() {
      return mayAsk();
    },
    get dimension() {
      return dimension;
    },
    set dimension(length) {
      dimension = length;
    },
    async embed(texts, timeoutMs, mayRefuse = false) {
      if (!mayAsk()) throw fault ?? new EmbeddingFault('unreachable', 'The hub is stopping.');
      const isTrial = fault !== null;
      if (isTrial) isTrying = true;
      try {
        const vectors = await request(texts, timeoutMs);
        succeeded();
        asked?.(null, texts.length);
        return vectors;
      } catch (error) {
        const known = error as EmbeddingFault;
        asked?.(known.code, texts.length);
        const isOfTexts = mayRefuse && !isTrial && known.code === 'input-refused';
        if (!closing.signal.aborted && !isOfTexts) failed(known);
        throw known;
      } finally {
        if (isTrial) isTrying = false;
      }
    },
    async close() {
      closing.abort(new EmbeddingFault('unreachable', 'The hub is stopping.'));
      await client.close();
    },
  };
}

/** @throws EmbeddingFault for one without direction, or of what is no number */
function toUnit(vector: readonly number[]): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  if (!(length > 0 && Number.isFinite(length))) throw badAnswer('a vector is not of numbers');
  return Float32Array.from(vector, (value) => value / length);
}

function badAnswer(detail: string): EmbeddingFault {
  const message =
    'The embeddings service answers with something else than vectors: check MCPHUB_EMBEDDINGS_URL and MCPHUB_EMBEDDINGS_MODEL.';
  return new EmbeddingFault('bad-answer', message, { detail: detail.slice(0, 300) });
}

function connectionFault(error: unknown): EmbeddingFault {
  const detail = messageOf(error);
  if (isHubError(error) && error.code === 'UPSTREAM_BAD_ANSWER') return badAnswer(detail);
  if (isHubError(error) && error.code === 'INVALID_INPUT') {
    const message =
      'The address of the embeddings service is not allowed: check MCPHUB_EMBEDDINGS_URL and MCPHUB_EGRESS.';
    return new EmbeddingFault('unreachable', message, { detail });
  }
  return new EmbeddingFault('unreachable', 'The embeddings service cannot be reached: it is asked again later.', {
    detail,
  });
}

/** What the libraries throw otherwise is about an answer that they cannot read. */
function faultOf(error: unknown): EmbeddingFault {
  if (error instanceof EmbeddingFault) return error;
  const { cause } = error as { cause?: unknown };
  return cause instanceof EmbeddingFault ? cause : badAnswer(messageOf(error));
}
