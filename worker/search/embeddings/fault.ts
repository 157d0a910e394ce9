// What can be wrong with a service of embeddings, said so that whoever runs the hub knows what to do.

export type FaultCode =
  | 'key-refused'
  | 'not-found'
  | 'input-refused'
  | 'rate-limited'
  | 'unreachable'
  | 'timeout'
  | 'bad-answer'
  | 'other-dimension';

export class EmbeddingFault extends Error {
  override readonly name = 'EmbeddingFault';
  readonly code: FaultCode;
  /** What the service asks for by Retry-After. */
  readonly retryAfterMs: number | null;
  /** For the log; no secret. */
  readonly detail: string | undefined;
  /** Of `other-dimension`: how long the vectors are that came. */
  readonly dimension: number | undefined;

  constructor(
    code: FaultCode,
    message: string,
    more: { retryAfterMs?: number | null; detail?: string; dimension?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.retryAfterMs = more.retryAfterMs ?? null;
    this.detail = more.detail;
    this.dimension = more.dimension;
  }
}

/** Of an answer that is no success. @param text its body */
export function faultOfStatus(status: number, retryAfter: string | undefined, text: string): EmbeddingFault {
  const more = { detail: text.slice(0, 300), retryAfterMs: millisecondsOf(retryAfter) };
  const said = `(HTTP ${status})`;
  if (status === 401 || status === 403) {
    const message = `The embeddings service refuses the key ${said}: check MCPHUB_EMBEDDINGS_API_KEY.`;
    // Services tell a part of the key in their answer.
    return new EmbeddingFault('key-refused', message, { retryAfterMs: more.retryAfterMs });
  }
  if (status === 404 || status === 405 || (status >= 300 && status < 400)) {
    const message = `The embeddings service does not know the address or the model ${said}: check MCPHUB_EMBEDDINGS_URL and MCPHUB_EMBEDDINGS_MODEL.`;
    return new EmbeddingFault('not-found', message, more);
  }
  if (status === 400 || status === 413 || status === 422) {
    const message = `The embeddings service refuses what it is sent ${said}: check MCPHUB_EMBEDDINGS_MODEL and how much the model reads.`;
    return new EmbeddingFault('input-refused', message, more);
  }
  if (status === 429) {
    const message = `The embeddings service has had enough requests for now ${said}: it is asked again later.`;
    return new EmbeddingFault('rate-limited', message, more);
  }
  return new EmbeddingFault('unreachable', `The embeddings service fails ${said}: it is asked again later.`, more);
}

/** RFC 9110, 10.2.3: seconds or a date. */
function millisecondsOf(retryAfter: string | undefined): number | null {
  if (retryAfter === undefined) return null;
  if (/^\d+$/.test(retryAfter.trim())) return Number(retryAfter) * 1000;
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}
