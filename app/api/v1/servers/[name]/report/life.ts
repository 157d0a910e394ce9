// What the worker has noticed of a server by now. A worker that is away costs the last seconds, never the report.
import { log, worker } from '@/app/_server';
import type { ServerLife } from '@/lib/diagnosis/schema';

const lifeTimeoutMs = 1_000;

export async function lifeOf(id: string): Promise<ServerLife | null> {
  try {
    return (await worker().call('servers.report', { id }, { signal: AbortSignal.timeout(lifeTimeoutMs) })).life;
  } catch (err) {
    log().debug({ err }, 'the worker did not tell what it noticed of a server');
    return null;
  }
}
