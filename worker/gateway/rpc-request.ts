// A JSON-RPC request of a known caller on a known endpoint, of whichever era, as the methods see it.
import type { Actor } from '../../lib/access/schema';
import type { View } from './catalog/view';
import type { RequestId } from './http/json';
import type { Origin } from './relay';

export interface RpcRequest {
  params: Record<string, unknown> | undefined;
  origin: Origin;
  actor: Actor;
  view: View;
  /** As the client calls itself; null where it does not say. */
  clientName: string | null;
  /** Of the HTTP request, for logs and errors. */
  requestId: string;
  /** Bytes of the body that it came in. */
  bodyBytes: number;
}

/** The token under which the client wants progress, if it does. */
export function progressTokenOf(params: Record<string, unknown> | undefined): RequestId | undefined {
  const meta = params?._meta;
  if (typeof meta !== 'object' || meta === null || !('progressToken' in meta)) return undefined;
  const { progressToken } = meta;
  return typeof progressToken === 'string' || typeof progressToken === 'number' ? progressToken : undefined;
}
