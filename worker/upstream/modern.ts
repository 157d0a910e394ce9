// Requests of the revision 2026-07-28, each of which stands for itself: what goes into its `_meta` (basic/index,
// per-request protocol fields) and, over HTTP, into its headers (basic/transports/streamable-http, request metadata).
import { encodeHeaderValue, type HeaderParam, headersOfArguments } from './header-params';
import type { ClientInfo, ClientSide } from './types';

/** Newest first. */
export const modernVersions = ['2026-07-28'] as const;

const prefix = 'io.modelcontextprotocol/';
export const subscriptionIdKey = `${prefix}subscriptionId`;
export const serverInfoKey = `${prefix}serverInfo`;

/** Keys that the hub writes itself; what a caller had there was meant for the hub. */
const ownKeys = new Set([
  `${prefix}protocolVersion`,
  `${prefix}clientInfo`,
  `${prefix}clientCapabilities`,
  `${prefix}logLevel`,
  'progressToken',
]);

type Params = Record<string, unknown>;

/** How a connection writes its requests once it is known that the other side is modern. */
export interface Envelope {
  readonly version: string;
  /** HTTP: a closed response stream is the cancellation; stdio: notifications/cancelled is. */
  readonly cancelsByClosing: boolean;
  /** `,"params":…` of a request. */
  params(
    method: string,
    params: Params | undefined,
    progressToken: string | undefined,
    client: ClientSide | undefined,
  ): string;
}

/** @param everything what the hub declares where it lists for all clients: nobody is asked then, and nothing left out */
export function createEnvelope(
  version: string,
  info: ClientInfo,
  cancelsByClosing: boolean,
  everything: Params,
): Envelope {
  const listing = JSON.stringify(everything);
  const fixed =
    `{"${prefix}protocolVersion":${JSON.stringify(version)},"${prefix}clientInfo":${JSON.stringify(info)},` +
    `"${prefix}clientCapabilities":`;

  function meta(
    method: string,
    own: unknown,
    progressToken: string | undefined,
    client: ClientSide | undefined,
  ): string {
    let text = fixed;
    if (client) text += JSON.stringify(client.capabilities);
    else text += method.endsWith('/list') ? listing : '{}';
    if (client?.logLevel !== undefined) text += `,"${prefix}logLevel":${JSON.stringify(client.logLevel)}`;
    if (progressToken !== undefined) text += `,"progressToken":${JSON.stringify(progressToken)}`;
    if (typeof own === 'object' && own !== null && !Array.isArray(own)) {
      for (const [key, value] of Object.entries(own)) {
        if (value !== undefined && !ownKeys.has(key)) text += `,${JSON.stringify(key)}:${JSON.stringify(value)}`;
      }
    }
    return `${text}}`;
  }

  return {
    version,
    cancelsByClosing,
    params(method, params, progressToken, client) {
      const own = params?._meta;
      const rest = params === undefined ? '{}' : JSON.stringify(own === undefined ? params : withoutMeta(params));
      const text = meta(method, own, progressToken, client);
      return rest === '{}' ? `,"params":{"_meta":${text}}` : `,"params":{"_meta":${text},${rest.slice(1)}`;
    },
  };
}

function withoutMeta({ _meta, ...rest }: Params): Params {
  return rest;
}

/**
 * Headers that mirror the body of a request, flat. They are made of the params that are sent, so that they agree.
 * @param headerParams of the tool that is called
 */
export function headersOf(method: string, params: Params | undefined, headerParams?: readonly HeaderParam[]): string[] {
  const headers = ['mcp-method', method];
  const name = nameOf(method, params);
  if (typeof name === 'string') headers.push('mcp-name', encodeHeaderValue(name));
  if (headerParams) headersOfArguments(headerParams, params?.arguments, headers);
  return headers;
}

function nameOf(method: string, params: Params | undefined): unknown {
  if (method === 'tools/call' || method === 'prompts/get') return params?.name;
  if (method === 'resources/read') return params?.uri;
  return method.startsWith('tasks/') ? params?.taskId : undefined;
}
