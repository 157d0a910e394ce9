// Vectors of a real model: from the service that the hub's own settings name, asked in the hub's own way.
import { log } from '../../../lib/log';
import { textOfRequest, textOfTool } from '../../../lib/routing';
import { createEmbeddingService, type EmbeddingSettings } from '../../../worker/search/embeddings/service';
import { createEgress } from '../../../worker/upstream';
import { type Query, type Tool, toIndexed } from './score';
import type { VectorArm } from './vectors';

/** What most services of one's own take at once. */
const batchSize = 32;
const batchMs = 120_000;

/**
 * @param egress as MCPHUB_EGRESS
 * @throws EmbeddingFault where the service fails
 */
export async function serviceArm(
  settings: EmbeddingSettings,
  egress: string,
  tools: readonly Tool[],
  queries: readonly Query[],
): Promise<VectorArm> {
  const service = createEmbeddingService({
    settings,
    egress: createEgress(egress, { env: process.env }),
    userAgent: 'mcphub/bench',
    log: log('bench', 'warn'),
  });
  async function embed(texts: readonly string[]): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += batchSize) {
      vectors.push(...(await service.embed(texts.slice(at, at + batchSize), batchMs)));
    }
    return vectors;
  }
  try {
    return {
      name: settings.model,
      tools: await embed(tools.map((tool) => textOfTool(toIndexed(tool)))),
      queries: await embed(queries.map(({ query }) => textOfRequest(query))),
    };
  } finally {
    await service.close();
  }
}
