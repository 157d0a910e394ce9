// Arguments of a call → the request of its operation.
import { type Payload, payloadOf } from './body';
import type { Added } from './credentials';
import type { OperationPlan, ParameterPlan } from './model';
import { cookieParts, encode, fillPath, headerText, queryParts, ValueFault } from './serialize';

const maxPathChars = 32 * 1024;

export interface BuiltRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

/** What a server sends with every call. */
export interface Common {
  /** Where paths begin. */
  base: URL;
  /** Of the configuration, names in lower case: they outdo what a call or the document says. */
  headers: Record<string, string>;
  userAgent: string;
}

/** What the arguments make of the request, before credentials. @throws ValueFault */
export function prepare(operation: OperationPlan, args: Record<string, unknown>) {
  const values = new Map<ParameterPlan, unknown>();
  for (const plan of operation.parameters) {
    const value = Object.hasOwn(args, plan.argument) ? args[plan.argument] : undefined;
    if (value !== undefined && !(value === null && !plan.required)) values.set(plan, value);
    else if (plan.in === 'path') throw new ValueFault('is needed', `/${plan.argument}`);
  }
  const path = fillPath(operation.path, values);
  const query: string[] = [];
  const cookies: string[] = [];
  const headers: Record<string, string> = { accept: operation.accept };
  for (const [plan, value] of values) {
    try {
      if (plan.in === 'query') query.push(...queryParts(plan, value));
      else if (plan.in === 'cookie') cookies.push(...cookieParts(plan, value));
      else if (plan.in === 'header') headers[plan.name.toLowerCase()] = headerText(plan, value);
    } catch (error) {
      throw error instanceof ValueFault ? new ValueFault(error.message, `/${plan.argument}`) : error;
    }
  }
  let payload: Payload | null = null;
  if (operation.body && args.body !== undefined) payload = payloadOf(operation.body, args.body);
  return { path, query, cookies, headers, payload };
}

export type Prepared = ReturnType<typeof prepare>;

/** @throws ValueFault when the address becomes too long */
export function build(operation: OperationPlan, prepared: Prepared, added: Added, common: Common): BuiltRequest {
  const { base } = common;
  const own = new Set(added.query.map(([name]) => encode(name)));
  const query = [
    ...(base.search ? [base.search.slice(1)] : []),
    ...prepared.query.filter((part) => !own.has(part.slice(0, part.indexOf('=')))),
    ...added.query.map(([name, value]) => `${encode(name)}=${encode(value)}`),
  ];
  const cookies = [...prepared.cookies, ...added.cookies.map(([name, value]) => `${encode(name)}=${encode(value)}`)];
  const whole = base.pathname.replace(/\/+$/, '') + prepared.path;
  const path = query.length === 0 ? whole : `${whole}${whole.includes('?') ? '&' : '?'}${query.join('&')}`;
  if (path.length > maxPathChars) throw new ValueFault('make an address that is too long');
  return {
    method: operation.method,
    path,
    headers: {
      'user-agent': common.userAgent,
      'accept-encoding': 'identity',
      ...prepared.headers,
      ...(prepared.payload && { 'content-type': prepared.payload.contentType }),
      ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
      ...added.headers,
      ...common.headers,
    },
    body: prepared.payload?.bytes,
  };
}
