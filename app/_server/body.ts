// Reads a JSON body of a REST request, with the limits and refusals of the whole hub.
import { HubError } from '@/lib/errors';

const bodyMaxBytes = 4 * 1024 * 1024;

/**
 * @throws HubError UNSUPPORTED_MEDIA_TYPE for another or an encoded content, PAYLOAD_TOO_LARGE above `maxBytes`, PARSE_ERROR
 * for what is not JSON in UTF-8
 */
export async function readJson(request: Request, maxBytes = bodyMaxBytes): Promise<unknown> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  const isJson = type === 'application/json' || (type === 'application/merge-patch+json' && request.method === 'PATCH');
  const encoding = request.headers.get('content-encoding');
  if (!isJson || (encoding !== null && encoding !== 'identity')) throw new HubError('UNSUPPORTED_MEDIA_TYPE');
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw new HubError('PAYLOAD_TOO_LARGE');
  const bytes = await readBounded(request, maxBytes);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new HubError('PARSE_ERROR', undefined, { cause });
  }
}

/** The length may be unknown or a lie, so the bytes are counted as they come. */
async function readBounded(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) return Buffer.concat(chunks);
    size += next.value.byteLength;
    if (size > maxBytes) {
      await reader?.cancel();
      throw new HubError('PAYLOAD_TOO_LARGE');
    }
    chunks.push(next.value);
  }
}
