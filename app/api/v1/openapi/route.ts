import { readDocument, refuseOthers, route } from '@/app/_server';
import { documentInputSchema, documentRequestMaxBytes } from '@/lib/openapi/schema';
import { previewDocument } from '@/lib/servers';

export const POST = route(({ ctx, body }) => previewDocument(ctx, body, readDocument), {
  body: documentInputSchema,
  maxBytes: documentRequestMaxBytes,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
