import { refuseOthers, route } from '@/app/_server';
import { importCases } from '@/lib/quality';
import { caseImportSchema } from '@/lib/quality/schema';

/** A text of 5 million characters, many of which take more than a byte or are escaped. */
const maxBytes = 12 * 1024 * 1024;

export const POST = route(({ ctx, body }) => importCases(ctx, body), { body: caseImportSchema, maxBytes });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
