import { refuseOthers, route } from '@/app/_server';
import { exportAudit } from '@/lib/telemetry';
import { auditExportSchema } from '@/lib/telemetry/schema';

const types = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' } as const;

export const GET = route(
  async ({ ctx, query }) => {
    const pieces = await exportAudit(ctx, query);
    return new Response(streamOf(pieces), {
      headers: {
        'content-type': types[query.format],
        'content-disposition': `attachment; filename="audit-${new Date().toISOString().slice(0, 10)}.${query.format}"`,
      },
    });
  },
  { query: auditExportSchema },
);

/** Read piece by piece, as fast as the other side takes it; whoever goes away ends the reading. */
function streamOf(pieces: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
