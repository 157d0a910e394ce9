// The vectors of requests: kept for those that come again, asked for once when many ask the same, and never waited for
// longer than a search may take.
import { LRUCache } from 'lru-cache';
import { textOfRequest } from '../../../lib/routing';
import type { Embeddings } from '../vectors';
import { EmbeddingFault } from './fault';
import type { EmbeddingService } from './service';

/** Of 1,536 numbers each they are 3 MB. */
const keptMax = 500;
const atOnceMax = 16;

export interface RequestVectors {
  of: Embeddings['ofRequest'];
}

export function createRequestVectors(service: EmbeddingService): RequestVectors {
  const kept = new LRUCache<string, Float32Array>({ max: keptMax });
  const underWay = new Map<string, Promise<Float32Array>>();

  function ask(text: string, timeoutMs: number): Promise<Float32Array> {
    const known = underWay.get(text);
    if (known) return known;
    const asked = service
      .embed([text], timeoutMs)
      .then(([vector]) => {
        kept.set(text, vector as Float32Array);
        return vector as Float32Array;
      })
      .finally(() => underWay.delete(text));
    underWay.set(text, asked);
    return asked;
  }

  return {
    async of(query, timeoutMs) {
      const text = textOfRequest(query);
      const known = kept.get(text);
      // After a change of the model's own vectors those of before are of no use.
      if (known && known.length === service.dimension) return { vector: known };
      const { fault } = service;
      if (fault) {
        // Whether it answers again is tried beside the search, which does not wait for it.
        if (service.mayAsk) void ask(text, timeoutMs).catch(() => {});
        return { vector: null, reason: fault.message };
      }
      if (underWay.size >= atOnceMax && !underWay.has(text)) {
        return { vector: null, reason: 'Too many searches ask the embeddings service at once.' };
      }
      try {
        return { vector: await ask(text, timeoutMs) };
      } catch (error) {
        if (!(error instanceof EmbeddingFault)) throw error;
        return { vector: null, reason: error.message };
      }
    },
  };
}
