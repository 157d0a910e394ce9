// The one table of errors and its three mappers. A HubError carries a text for people (publicMessage) and one for the
// log (detail); only the first ever leaves the process. Numbers: JSON-RPC 2.0 §5.1, MCP, and our own 1001–1009, which
// lie outside the range that JSON-RPC reserves (-32768…-32000).

export interface ErrorRow {
  /** HTTP status of the REST answer, and of the MCP answer when the error is found before a message is accepted. */
  status: number;
  /** JSON-RPC error code. */
  rpc: number;
  /** True where a model can mend its own request: on tools/call such an error becomes an `isError` result. */
  modelCanAct: boolean;
  /** The text used when the thrower gave none, and the only text for INTERNAL. */
  text: string;
}

export const errorTable = {
  PARSE_ERROR: row(400, -32700, 'The body is not valid JSON.'),
  INVALID_REQUEST: row(400, -32600, 'The message is not a valid request.'),
  METHOD_NOT_FOUND: row(404, -32601, 'This method is not known here.'),
  INVALID_INPUT: row(400, -32602, 'The input is not valid.'),
  HEADER_MISMATCH: row(400, -32020, 'The headers of the request do not match its body.'),
  MISSING_CLIENT_CAPABILITY: row(400, -32021, 'This needs something that the client did not declare it can do.'),
  UNSUPPORTED_VERSION: row(400, -32022, 'This protocol version is not served here.'),
  UNAUTHENTICATED: row(401, 1009, 'A credential is needed: send "Authorization: Bearer <API key>".'),
  FORBIDDEN: row(403, 1006, 'This is not allowed.'),
  INSUFFICIENT_SCOPE: row(403, 1006, 'The access that was given does not reach so far: sign in again and allow more.'),
  NOT_FOUND: row(404, -32602, 'There is no such thing here, or it is not yours to see.'),
  SESSION_NOT_FOUND: row(404, -32001, 'This session has ended or was never opened here: send "initialize" again.'),
  METHOD_NOT_ALLOWED: row(405, -32600, 'This HTTP method is not allowed here.'),
  NOT_ACCEPTABLE: row(406, -32600, 'The Accept header must allow application/json and text/event-stream.'),
  REQUEST_TIMEOUT: row(408, -32600, 'The request took too long to arrive.'),
  CONFLICT: row(409, -32602, 'This is in conflict with what exists.'),
  STALE_VERSION: row(412, -32602, 'Somebody changed this in the meantime: read it again and repeat the change.'),
  PAYLOAD_TOO_LARGE: row(413, -32600, 'The body is too large.'),
  URL_TOO_LONG: row(414, -32600, 'The URL is too long.'),
  UNSUPPORTED_MEDIA_TYPE: row(415, -32600, 'The Content-Type must be application/json.'),
  LIMIT_EXCEEDED: row(429, 1008, 'Too many requests: wait a little and try again.'),
  BUSY: row(429, 1003, 'The server is busy and its queue is full: try again in a moment.'),
  CANCELLED: row(499, 1007, 'The request was cancelled.'),
  INTERNAL: row(500, -32603, 'An unexpected error happened in the hub. The log has the details under this request id.'),
  UPSTREAM_BAD_ANSWER: row(502, 1004, 'The server gave an answer that cannot be passed on.'),
  UPSTREAM_NEEDS_AUTH: row(502, 1005, 'The server wants a sign-in that the hub does not have.'),
  UPSTREAM_UNAVAILABLE: row(503, 1001, 'The server is not running.'),
  INTERRUPTED: row(503, 1007, 'The server ended while it worked on this request.'),
  UNAVAILABLE: row(503, 1001, 'The hub cannot answer this right now.'),
  UPSTREAM_TIMEOUT: row(504, 1002, 'The server did not answer in time.'),
  STORAGE_FULL: row(507, 1001, 'The disk of the hub is full: nothing can be saved until there is room again.'),
} satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

function row(status: number, rpc: number, text: string, modelCanAct = false): ErrorRow {
  return { status, rpc, modelCanAct, text };
}

const brand = Symbol.for('mcphub.error');

/** A fault at one place of an input, as in RFC 9457 problem details: an RFC 6901 JSON Pointer and a sentence. */
export interface FieldFault {
  pointer: string;
  detail: string;
}

/** What a thrower may add. Everything is shown to the caller but for what says otherwise. */
export interface ErrorExtras {
  /** For the log only. */
  detail?: string;
  /** Not shown. */
  cause?: unknown;
  /** What to do about it, one sentence. */
  hint?: string;
  faults?: FieldFault[];
  /** Name of the MCP server concerned. */
  server?: string;
  /** A short word for the reason, e.g. "exited", "connect-failed". */
  reason?: string;
  retryable?: boolean;
  retryAfterMs?: number;
  /** The OAuth scope that is missing. Told in a header. */
  scope?: 'mcp:read' | 'mcp:call';
  /** The request certainly did not run, so it may be sent again. Not shown. */
  didNotRun?: boolean;
  /** Members of the JSON-RPC error's `data` that the protocol asks for. */
  data?: Record<string, unknown>;
}

export class HubError extends Error {
  readonly [brand] = true;
  override readonly name = 'HubError';
  readonly code: ErrorCode;
  readonly extras: ErrorExtras;

  /** @param publicMessage what the caller reads; without it the table's text */
  constructor(code: ErrorCode, publicMessage?: string, extras: ErrorExtras = {}) {
    super(publicMessage ?? errorTable[code].text, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.extras = extras;
  }
}

/** Recognises a HubError of any copy of this module: Next holds several in one process, so `instanceof` would miss. */
export function isHubError(error: unknown): error is HubError {
  return typeof error === 'object' && error !== null && brand in error;
}

/** Turns anything thrown into a HubError; what is not one becomes INTERNAL with a fixed text and keeps its cause. */
export function asHubError(error: unknown): HubError {
  if (isHubError(error)) return error;
  return new HubError('INTERNAL', undefined, { cause: error, detail: messageOf(error) });
}

/**
 * The message of anything thrown, for the log. Drizzle puts the values of a failed query into its message, and among
 * them are secrets of servers, hashes of keys and people's data: they are left out.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { query } = error as { query?: unknown };
  return typeof query === 'string' && 'params' in error ? `Failed query: ${query}` : error.message;
}

/** RFC 9457 body with our members `code`, `requestId`, `hint` and `errors`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance?: string;
  code: ErrorCode;
  requestId: string;
  hint?: string;
  errors?: FieldFault[];
}

export function toProblem(error: unknown, requestId: string, instance?: string): Problem {
  const { code, message, extras } = asHubError(error);
  return {
    type: `urn:mcphub:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title: errorTable[code].text,
    status: errorTable[code].status,
    detail: message,
    ...(instance && { instance }),
    code,
    requestId,
    ...(extras.hint && { hint: extras.hint }),
    ...(extras.faults && { errors: extras.faults }),
  };
}

/** REST surface: an application/problem+json answer. */
export function toResponse(error: unknown, requestId: string, instance?: string): Response {
  const problem = toProblem(error, requestId, instance);
  const headers = new Headers({ 'content-type': 'application/problem+json', 'x-request-id': requestId });
  const { retryAfterMs } = asHubError(error).extras;
  if (retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

export interface RpcError {
  code: number;
  message: string;
  data?: {
    server?: string;
    reason?: string;
    retryable?: boolean;
    retryAfterMs?: number;
    requestId?: string;
    hint?: string;
    [member: string]: unknown;
  };
}

export type RpcOutcome = { error: RpcError } | { result: { content: [{ type: 'text'; text: string }]; isError: true } };

/** MCP surface. `method` decides whether an error that the model can act on may become an `isError` result. */
export function toRpc(error: unknown, method: string, requestId?: string): RpcOutcome {
  const { code, message, extras } = asHubError(error);
  const { rpc, modelCanAct } = errorTable[code];
  if (modelCanAct && method === 'tools/call') {
    return { result: { content: [{ type: 'text', text: message }], isError: true } };
  }
  const { server, reason, retryable, retryAfterMs, hint } = extras;
  const data = { ...extras.data, server, reason, retryable, retryAfterMs, hint, requestId };
  const hasData = Object.values(data).some((value) => value !== undefined);
  return { error: { code: rpc, message, ...(hasData && { data }) } };
}

/** What a server action hands back to its form on failure. */
export interface ActionFailure {
  ok: false;
  code: ErrorCode;
  message: string;
  hint?: string;
  /** A short word for the reason, where a form acts on it. */
  reason?: string;
  /** Faults by JSON Pointer. */
  fields: Record<string, string>;
  requestId: string;
}

/** Form surface. */
export function toActionState(error: unknown, requestId: string): ActionFailure {
  const { code, message, extras } = asHubError(error);
  const fields = Object.fromEntries((extras.faults ?? []).map((fault) => [fault.pointer, fault.detail]));
  const { hint, reason } = extras;
  return { ok: false, code, message, ...(hint && { hint }), ...(reason && { reason }), fields, requestId };
}

/** An error as it travels between web and worker. */
export interface SentError {
  code: ErrorCode;
  publicMessage: string;
  detail?: string;
  extras?: Omit<ErrorExtras, 'cause' | 'detail'>;
}

export function sendError(error: unknown): SentError {
  const { code, message, extras } = asHubError(error);
  const { cause: _cause, detail, ...rest } = extras;
  return { code, publicMessage: message, ...(detail && { detail }), extras: rest };
}

export function receiveError(sent: SentError): HubError {
  const code = sent.code in errorTable ? sent.code : 'INTERNAL';
  return new HubError(code, sent.publicMessage, { ...sent.extras, ...(sent.detail && { detail: sent.detail }) });
}
