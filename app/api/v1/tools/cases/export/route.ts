import { refuseOthers, route } from '@/app/_server';
import { listCases, writeCases } from '@/lib/quality';
import { caseExportSchema } from '@/lib/quality/schema';

const types = { jsonl: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' } as const;

export const GET = route(
  async ({ ctx, query: { format } }) =>
    new Response(writeCases(await listCases(ctx), format), {
      headers: {
        'content-type': types[format],
        'content-disposition': `attachment; filename="search-cases-${new Date().toISOString().slice(0, 10)}.${format}"`,
      },
    }),
  { query: caseExportSchema },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
