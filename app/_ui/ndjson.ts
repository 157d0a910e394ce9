// Reads an answer of /api/v1 that comes line by line, each a JSON value (application/x-ndjson).
import { ApiError } from './api';
import { hubPath } from './hub-path';

const type = 'application/x-ndjson';

/** POSTs and yields each line as it comes. @throws ApiError for an answer that is not 2xx, or breaks off */
export async function* streamLines(
  path: string,
  { body, signal }: { body?: unknown; signal: AbortSignal },
): AsyncGenerator<unknown> {
  const response = await fetch(hubPath(`/api/v1${path}`), {
    method: 'POST',
    headers: { accept: `${type}, application/json`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new ApiError({ status: 0, code: 'UNAVAILABLE', detail: 'The hub does not answer.' });
  });
  if (!response.ok || !response.body) {
    const problem = (await response.json().catch(() => ({}))) as { detail?: string };
    const detail = problem.detail ?? `The hub answered with status ${response.status} and no explanation.`;
    throw new ApiError({ ...problem, status: response.status, detail });
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line) yield JSON.parse(line);
  }
}
