// The frame of every REST route: who asks, is the request well-formed, one verb, and errors as problem+json.
import { z } from 'zod';
import { type Actor, anonymousActor, type Ctx } from '@/lib/access';
import { HubError, toResponse } from '@/lib/errors';
import { parseInput, parseShape, unstorableFaults } from '@/lib/input';
import { contextFor } from './actor';
import { readJson } from './body';
import { shownFault } from './faults';
import { basePath, keyring, resolver, settings } from './hub';
import { renewSession } from './session';
import { addressOf, isFromOwnPage, requestIdOf, visitOf } from './visitor';

/** What a route's function receives. */
export interface Call<B = undefined, Q = Record<string, never>> {
  ctx: Ctx;
  request: Request;
  body: B;
  query: Q;
  /** A segment of the path by its folder's name. */
  param(name: string): string;
}

export interface RouteOptions<B extends z.ZodType, Q extends z.ZodType> {
  /** Shape of the JSON body; without it a body is not read. Make it strict: unknown fields are to be refused. */
  body?: B;
  /** Shape of the query; without it every parameter is refused. */
  query?: Q;
  /** Status of a plain answer; default 200. */
  status?: number;
  /** Of the body; default 4 MiB. */
  maxBytes?: number;
  /** Also for callers without a credential. */
  anonymous?: boolean;
}

type RouteContext = { params: Promise<Record<string, string | string[] | undefined>> };

const noQuery = z.strictObject({});
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Makes the handler of one HTTP method. `run` gives a Response, a value that is sent as JSON, or undefined for 204.
 * The caller is known by a bearer key or else by the browser session, whose writes must come from our own pages.
 */
export function route<B extends z.ZodType = z.ZodUndefined, Q extends z.ZodType = typeof noQuery>(
  run: (call: Call<z.output<B>, z.output<Q>>) => Promise<unknown>,
  options: RouteOptions<B, Q> = {},
): (request: Request, context: RouteContext) => Promise<Response> {
  return async (request, context) => {
    const visit = visitOf(request.headers);
    const { requestId } = visit;
    const url = new URL(request.url);
    try {
      const { actor, sessionId } = await callerOf(request, options.anonymous ?? false);
      const params = (await context.params) ?? {};
      const query = parseInput(options.query ?? noQuery, Object.fromEntries(url.searchParams), 'query');
      const body = options.body
        ? parseShape(options.body, await bodyOf(request, options.body, options.maxBytes), 'body')
        : undefined;
      const answer = await run({
        ctx: await contextFor(actor, visit, sessionId),
        request,
        body: body as z.output<B>,
        query: query as z.output<Q>,
        param: (name) => paramOf(params, name),
      });
      return located(withRequestId(toAnswer(answer, options.status ?? 200), requestId));
    } catch (error) {
      const fault = shownFault(error, requestId, `${request.method} ${url.pathname}`);
      const response = toResponse(fault, requestId, url.pathname);
      response.headers.set('cache-control', 'no-store');
      if (fault.code === 'UNAUTHENTICATED') response.headers.set('www-authenticate', 'Bearer realm="mcphub"');
      return response;
    }
  };
}

/** Routes name what they made by its path in the hub; callers get it as they see it. */
function located(response: Response): Response {
  const path = response.headers.get('location');
  if (path?.startsWith('/')) response.headers.set('location', basePath() + path);
  return response;
}

/** A body may only be missing where its shape says so. */
async function bodyOf(request: Request, shape: z.ZodType, maxBytes?: number): Promise<unknown> {
  const { headers } = request;
  const isEmpty = (headers.get('content-length') ?? '0') === '0' && !headers.has('transfer-encoding');
  return isEmpty && shape.safeParse(undefined).success ? undefined : await readJson(request, maxBytes);
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof methods)[number];

/**
 * Handlers for the methods that a path does not have: 405 with Allow, as a problem. Next's own 405 says nothing. HEAD and
 * OPTIONS are Next's.
 * @param allowed the methods that the route file exports
 */
export function refuseOthers<const A extends Method>(
  ...allowed: A[]
): Record<Exclude<Method, A>, (request: Request) => Response> {
  const allow = [...allowed, ...(allowed.some((method) => method === 'GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  function refuse(request: Request): Response {
    const requestId = requestIdOf(request.headers);
    const fault = new HubError('METHOD_NOT_ALLOWED', `${request.method} is not allowed here.`, {
      hint: `Allowed: ${allow}.`,
    });
    const response = toResponse(fault, requestId, new URL(request.url).pathname);
    response.headers.set('allow', allow);
    return response;
  }
  const refused = methods.filter((method) => !allowed.some((each) => each === method));
  return Object.fromEntries(refused.map((method) => [method, refuse])) as ReturnType<typeof refuseOthers<A>>;
}

/** @throws HubError UNAUTHENTICATED, FORBIDDEN for a cookie's write from elsewhere, UNAVAILABLE */
async function callerOf(request: Request, anonymousAllowed: boolean): Promise<{ actor: Actor; sessionId?: string }> {
  const access = await resolver();
  const authorization = request.headers.get('authorization');
  if (authorization !== null) {
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    const actor = token ? await access.resolveBearer(token, addressOf(request.headers)) : null;
    if (!actor) {
      throw new HubError('UNAUTHENTICATED', 'This credential is not valid: it is unknown, revoked or expired.');
    }
    return { actor };
  }
  const isWrite = !readingMethods.has(request.method);
  const browser = await access.resolveBrowser(request.headers.get('cookie'));
  if (isWrite && (browser || anonymousAllowed) && !isAllowedWrite(request, browser !== null)) {
    throw new HubError('FORBIDDEN', 'A write with a browser session must come from a page of the hub.', {
      hint: 'Outside a browser send "Authorization: Bearer <API key>" instead of the cookie.',
    });
  }
  if (browser) {
    await renewSession(browser.session);
    return { actor: browser.actor, sessionId: browser.session.id };
  }
  if (anonymousAllowed) return { actor: anonymousActor };
  throw new HubError('UNAUTHENTICATED');
}

/** A request without a cookie needs no proof of its page, unless a browser says that it comes from another one. */
function isAllowedWrite(request: Request, hasSession: boolean): boolean {
  const hasOrigin = request.headers.has('origin') || request.headers.has('sec-fetch-site');
  return (!hasSession && !hasOrigin) || isFromOwnPage(request.headers, settings());
}

function paramOf(params: Record<string, string | string[] | undefined>, name: string): string {
  const value = params[name];
  // A name with text that no row can hold is one that does not exist.
  if (typeof value !== 'string' || unstorableFaults(value).length > 0) throw new HubError('NOT_FOUND');
  return value;
}

function toAnswer(answer: unknown, status: number): Response {
  if (answer instanceof Response) return answer;
  if (answer === undefined) return new Response(null, { status: 204 });
  return Response.json(answer, { status });
}

function withRequestId(response: Response, requestId: string): Response {
  response.headers.set('x-request-id', requestId);
  if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store');
  return response;
}

/** `limit` and `cursor` of every list; spread it into the strict object of a route's query. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(2048).optional(),
};

/** An opaque cursor that only this hub can make. `list` names the list, so that a cursor of another one is refused. */
function sealCursor(list: string, position: unknown): string {
  return keyring().seal('cursor', { list, position });
}

/** @throws HubError INVALID_INPUT for a cursor that is altered or of another list */
function openCursor<S extends z.ZodType>(list: string, cursor: string, schema: S): z.output<S> {
  const opened = z.object({ list: z.literal(list), position: z.unknown() }).safeParse(keyring().open('cursor', cursor));
  const position = schema.safeParse(opened.data?.position);
  if (opened.success && position.success) return position.data;
  throw new HubError('INVALID_INPUT', 'This cursor is not valid here: begin again without one.', {
    faults: [{ pointer: '/cursor', detail: 'is altered, or of another list' }],
  });
}

/** `{data, nextCursor}` with a Link header to the next page. */
export function listAnswer(request: Request, data: readonly unknown[], nextCursor: string | null): Response {
  const response = Response.json({ data, nextCursor });
  if (nextCursor) {
    const url = new URL(request.url);
    url.searchParams.set('cursor', nextCursor);
    response.headers.set('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  return response;
}

/** One page of a list that is in memory as a whole; its cursor is an offset. */
export function pageOf<T>(call: Call<unknown, { limit: number; cursor?: string | undefined }>, list: string, all: T[]) {
  const { limit, cursor } = call.query;
  const from = cursor === undefined ? 0 : openCursor(list, cursor, z.number().int().min(0));
  const end = from + limit;
  return listAnswer(call.request, all.slice(from, end), end < all.length ? sealCursor(list, end) : null);
}

/** A single resource with its version as ETag. */
export function versioned(value: { version: number }, status = 200): Response {
  return Response.json(value, { status, headers: { etag: `"${value.version}"` } });
}

/** The version in If-Match; undefined without one or for "*". @throws HubError STALE_VERSION for one that we never gave */
export function ifVersion(request: Request): number | undefined {
  const header = request.headers.get('if-match')?.trim();
  if (header === undefined || header === '*') return undefined;
  const version = /^"(\d{1,9})"$/.exec(header)?.[1];
  if (version === undefined) throw new HubError('STALE_VERSION');
  return Number(version);
}
