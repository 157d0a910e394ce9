import type { ControlAnswer } from '@/lib/control/schema';
import type { OpenEndpoint, ServerDrift } from '@/lib/servers/schema';
import type { Overview } from '@/lib/telemetry/schema';

/** What GET /api/v1/hub answers. */
export interface HubView extends Overview {
  /** null while the worker does not answer. */
  worker: ControlAnswer<'hub.stats'> | null;
  /** What asks for no credential. */
  open: OpenEndpoint[];
  /** Servers with tools that wait for an approval. */
  drift: ServerDrift[];
}
