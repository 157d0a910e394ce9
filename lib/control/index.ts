// The web program's way to the worker, over the worker's unix socket: calls of the contract, and whole MCP requests for
// the fallback route.
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { HubError, receiveError, type SentError } from '../errors';
import { hopByHop } from '../hop-by-hop';
import { type ControlAnswer, type ControlBody, type ControlName, type ControlStep, controlCalls } from './schema';

export type { ControlAnswer, ControlBody, ControlName, ControlStep } from './schema';

export interface ControlClient {
  /**
   * One call of the contract. Aborting the signal cancels it in the worker too.
   * @throws HubError UNAVAILABLE when the worker is not running, CANCELLED after an abort, else what the worker threw
   */
  call<N extends ControlName>(
    name: N,
    body: ControlBody<N>,
    options?: { signal?: AbortSignal; onStep?: (step: ControlStep<N>) => void },
  ): Promise<ControlAnswer<N>>;
}

/** @param socketPath from `socketPaths(dataDir).worker` */
export function createControlClient(socketPath: string): ControlClient {
  return {
    async call(name, body, { signal, onStep } = {}) {
      const { path, answer } = controlCalls[name];
      const response = await send(socketPath, path, JSON.stringify(body), signal);
      const isStepwise = response.headers['content-type'] === 'application/x-ndjson';
      const last = isStepwise
        ? await readSteps(response, (step) => onStep?.(step as never), signal)
        : await readAnswer(response, signal);
      const { error, answer: given } = (last ?? {}) as { error?: SentError; answer?: unknown };
      if (response.statusCode !== 200 || (isStepwise && given === undefined)) {
        throw error ? receiveError(error) : new HubError('UNAVAILABLE', 'the worker gave no answer');
      }
      const value = isStepwise ? given : last;
      const parsed = answer.safeParse(value);
      if (parsed.success) return parsed.data as ControlAnswer<typeof name>;
      throw new HubError('INTERNAL', undefined, { cause: parsed.error, detail: `the worker's answer to ${name}` });
    },
  };
}

function send(socketPath: string, path: string, body: string, signal?: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    // No kept-alive connections: one could be dead from the worker's last life, and a unix socket opens in no time.
    const request = httpRequest({ socketPath, path, method: 'POST', headers, agent: false, ...(signal && { signal }) });
    request.on('response', resolve);
    request.on('error', (error) => reject(connectionFault(error, signal)));
    request.end(body);
  });
}

async function readAnswer(response: IncomingMessage, signal?: AbortSignal): Promise<unknown> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw connectionFault(error, signal);
  }
}

/** @returns the last line, which is no step */
async function readSteps(
  response: IncomingMessage,
  onStep: (step: unknown) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      const value = JSON.parse(line) as { step?: unknown };
      if (value.step === undefined) return value;
      onStep(value.step);
    }
  } catch (error) {
    throw connectionFault(error, signal);
  }
  throw connectionFault(new Error('the answer broke off'), signal);
}

function connectionFault(cause: unknown, signal?: AbortSignal): HubError {
  if (signal?.aborted) return new HubError('CANCELLED', undefined, { cause });
  return new HubError('UNAVAILABLE', 'the worker is not running', { cause, retryable: true, retryAfterMs: 2000 });
}

/** A byte more than the worker takes: what is longer is cut here, and refused there as too large. */
const forwardedMaxBytes = 4 * 1024 * 1024 + 1;

/**
 * Passes an HTTP request on to the worker and streams its answer back. The body goes in one piece: the worker closes the
 * connection as soon as it has answered, and a write that comes later would lose the answer. While the worker is down
 * the answer is a 503 with a JSON-RPC error.
 */
export async function forwardToWorker(socketPath: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const headers: Record<string, string> = {};
  for (const [name, value] of request.headers) if (!hopByHop.has(name)) headers[name] = value;
  let answer: IncomingMessage;
  try {
    const body = await readBody(request);
    if (body) headers['content-length'] = String(body.length);
    answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const { method, signal } = request;
      const outgoing = httpRequest({ socketPath, path: pathname + search, method, headers, agent: false, signal });
      outgoing.on('response', resolve);
      outgoing.on('error', reject);
      // Its length alone has it refused.
      if (body?.length === forwardedMaxBytes) outgoing.flushHeaders();
      else outgoing.end(body);
    });
  } catch {
    return workerIsDown();
  }
  const isEmpty = answer.statusCode === 204 || answer.statusCode === 304;
  if (isEmpty) answer.resume();
  const stream = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
  return new Response(stream, { status: answer.statusCode ?? 502, headers: passedOn(answer.headers) });
}

/** At most `forwardedMaxBytes` of the body; undefined without one. */
async function readBody({ body }: Request): Promise<Buffer | undefined> {
  if (!body) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  while (size < forwardedMaxBytes) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    chunks.push(value);
    size += value.byteLength;
  }
  await reader.cancel();
  return Buffer.concat(chunks).subarray(0, forwardedMaxBytes);
}

function passedOn(incoming: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming)) {
    if (value === undefined || hopByHop.has(name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) headers.append(name, each);
  }
  return headers;
}

function workerIsDown(): Response {
  const error = { code: 1001, message: 'The worker is not running. It is started again by itself: try again soon.' };
  return new Response(JSON.stringify({ jsonrpc: '2.0', id: null, error }), {
    status: 503,
    headers: { 'content-type': 'application/json', 'retry-after': '2' },
  });
}
