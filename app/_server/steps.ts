// Long work in the worker and its way to the caller: line by line for whoever accepts application/x-ndjson, first its
// steps and at last the answer, or else as one answer at the end. Who goes away cancels it.
import type { Ctx } from '@/lib/access';
import { toProblem } from '@/lib/errors';

const ndjson = 'application/x-ndjson';

export interface StepwiseOptions {
  signal: AbortSignal;
  onStep?: (step: unknown) => void;
}

/** @throws what `run` throws before the first line; what comes later is the last line, `{error}` */
export async function stepwise(
  { requestId }: Ctx,
  request: Request,
  run: (options: StepwiseOptions) => Promise<unknown>,
): Promise<unknown> {
  const { signal } = request;
  if (!request.headers.get('accept')?.includes(ndjson)) return run({ signal });
  const gone = new AbortController();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  writer.closed.catch(() => gone.abort());
  const encoder = new TextEncoder();
  const line = (value: unknown) => {
    // Whoever does not read any more has cancelled it.
    writer.write(encoder.encode(`${JSON.stringify(value)}\n`)).catch(() => {});
  };
  await new Promise<void>((resolve, reject) => {
    let hasBegun = false;
    const onStep = (step: unknown) => {
      hasBegun = true;
      line(step);
      resolve();
    };
    run({ signal: AbortSignal.any([signal, gone.signal]), onStep })
      .then(line, (error: unknown) => {
        if (!hasBegun) throw error;
        line({ error: toProblem(error, requestId) });
      })
      .then(() => {
        resolve();
        writer.close().catch(() => {});
      }, reject);
  });
  return new Response(readable, {
    // Nothing on the way may collect the lines.
    headers: { 'content-type': ndjson, 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' },
  });
}
