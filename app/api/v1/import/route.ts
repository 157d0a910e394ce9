import { refuseOthers, route } from '@/app/_server';
import { applyImport, planImport } from '@/lib/servers';
import { importInputSchema } from '@/lib/servers/schema';

export const POST = route(
  async ({ ctx, body: { text, dryRun, choices } }) =>
    dryRun ? await planImport(ctx, text) : await applyImport(ctx, text, choices),
  { body: importInputSchema },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
