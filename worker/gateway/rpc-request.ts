// A JSON-RPC request of a known caller on a known endpoint, of whichever era, as the methods see it.
import type { Actor } from '../../lib/access/schema';
import type { Origin } from './relay';
import type { View } from './view';

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
