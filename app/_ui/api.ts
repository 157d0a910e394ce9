// The browser's way to /api/v1: JSON both ways, and problem+json turned into an error that a page can show.
import type { ErrorCode, Problem } from '@/lib/errors';
import { hubPath } from './hub-path';

/** A refused or failed request. `message` is a sentence for people; `fields` holds faults by JSON Pointer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly fields: Record<string, string>;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Partial<Problem> & { status: number; detail: string }, retryAfterSeconds?: number) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code ?? 'INTERNAL';
    this.hint = problem.hint;
    this.fields = Object.fromEntries((problem.errors ?? []).map((fault) => [fault.pointer, fault.detail]));
    this.requestId = problem.requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A page of a list, as every list of /api/v1 answers. */
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

export interface ApiOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  /** Version of the object that the change is based on. */
  ifMatch?: number;
  signal?: AbortSignal;
}

/**
 * Asks `/api/v1` + `path`.
 * @throws ApiError for every answer that is not 2xx, and with status 0 when the hub cannot be reached
 */
export function api<T>(path: string, options: ApiOptions = {}): Promise<T> {
  return ask<T>(`/api/v1${path}`, options);
}

/**
 * Begins a sign-in at a provider. @param next path of the hub to go to afterwards
 * @returns the address of the provider's page
 * @throws ApiError as `api`
 */
export async function beginSignIn(provider: string, next: string): Promise<string> {
  const { csrfToken } = await ask<{ csrfToken: string }>('/api/auth/csrf');
  const body = { csrfToken, callbackUrl: next, json: 'true' };
  return (await ask<{ url: string }>(`/api/auth/signin/${provider}`, { method: 'POST', body })).url;
}

async function ask<T>(path: string, { method = 'GET', body, ifMatch, signal }: ApiOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`;
  let response: Response;
  try {
    response = await fetch(hubPath(path), {
      method,
      headers,
      signal,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({
      status: 0,
      code: 'UNAVAILABLE',
      detail: 'The hub does not answer.',
      hint: 'Check that it is still running; this page tries again by itself.',
    });
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  const json = parseJson(text);
  if (response.ok && json !== undefined) return json as T;
  const problem = (typeof json === 'object' && json !== null ? json : {}) as Partial<Problem>;
  const retryAfter = Number(response.headers.get('retry-after'));
  throw new ApiError(
    {
      ...problem,
      status: response.status,
      detail: problem.detail ?? `The hub answered with status ${response.status} and no explanation.`,
    },
    retryAfter > 0 ? retryAfter : undefined,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
