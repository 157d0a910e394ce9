// The MCP endpoints where no door stands in front of Next: a request goes to the worker byte for byte, and its answer
// comes back as it is written. All checks are the worker's.
import { forwardToWorker } from '@/lib/control';
import { env, socketPaths } from '@/lib/env';

export const runtime = 'nodejs';
export const dynamic = 'force-dynamic';

function forward(request: Request): Promise<Response> {
  return forwardToWorker(socketPaths(env().MCPHUB_DATA_DIR).worker, request);
}

export { forward as DELETE, forward as GET, forward as OPTIONS, forward as PATCH, forward as POST, forward as PUT };
