// Looking at documents, and fetching the one of a server anew.
import type { z } from 'zod';
import { can } from '../../access/can';
import type { Ctx } from '../../access/context';
import { HubError } from '../../errors';
import { invalidInput, parseInput } from '../../input';
import {
  type DocumentChange,
  type DocumentReading,
  documentInputSchema,
  type OpenApiSettings,
  type OperationView,
} from '../../openapi/schema';
import { writeAudit } from '../../telemetry/audit';
import { findServer } from '../rows';
import { loadDocument, type ReadDocument, saveDocument } from './documents';

/**
 * What a document offers, before it becomes a server. It opens a connection, as adding a server does.
 * @throws HubError FORBIDDEN, INVALID_INPUT with a sentence for people
 */
export async function previewDocument(
  ctx: Ctx,
  input: z.input<typeof documentInputSchema>,
  read: ReadDocument,
): Promise<DocumentReading> {
  if (!can(ctx.actor, 'create', { type: 'server' })) {
    throw new HubError('FORBIDDEN', 'You may not add servers: ask an administrator.');
  }
  const { document, documentUrl, ...filters } = parseInput(documentInputSchema, input);
  if (document === undefined && documentUrl === undefined) {
    throw invalidInput([{ pointer: '', detail: 'give the "document" or its "documentUrl"' }]);
  }
  const source = document === undefined ? { documentUrl: documentUrl as string } : { document };
  return withoutText(await read(source, { ...filters, documentUrl }));
}

/** What the stored document of a server offers. @throws HubError NOT_FOUND, FORBIDDEN, CONFLICT */
export async function getServerDocument(ctx: Ctx, name: string, read: ReadDocument): Promise<DocumentReading> {
  const { row } = await findServer(ctx, ctx.db, name, 'update');
  const settings = settingsOf(row);
  const stored = await loadDocument(ctx.db, row.id);
  if (stored === null) throw new HubError('CONFLICT', 'The document has not been fetched yet.');
  return withoutText(await read({ document: stored }, settings));
}

/**
 * Fetches the document of a server again and tells how its tools differ. A document that cannot be used changes nothing.
 * @throws HubError NOT_FOUND, FORBIDDEN, CONFLICT for a server without an address of its document, INVALID_INPUT
 */
export async function refreshServerDocument(ctx: Ctx, name: string, read: ReadDocument): Promise<DocumentChange> {
  const { row } = await findServer(ctx, ctx.db, name, 'update');
  const settings = settingsOf(row);
  if (settings.documentUrl === undefined) {
    throw new HubError('CONFLICT', `The document of "${row.name}" was given as a text: give another one to change it.`);
  }
  const stored = await loadDocument(ctx.db, row.id);
  const after = await read({ documentUrl: settings.documentUrl }, settings);
  const before = stored === null ? null : await read({ document: stored }, settings);
  const change = { changed: after.document !== stored, ...differences(before?.operations ?? [], after.operations) };
  if (!change.changed || after.document === undefined) return change;
  const text = after.document;
  await ctx.db.transaction(async (tx) => {
    const { row: now } = await findServer(ctx, tx, name, 'update', true);
    if ((now.openapi as OpenApiSettings | null)?.documentUrl !== settings.documentUrl) {
      throw new HubError('STALE_VERSION');
    }
    await saveDocument(tx, now.id, text);
    const { added, removed, altered } = change;
    await writeAudit(tx, ctx, {
      action: 'server.document-refreshed',
      resourceType: 'server',
      resourceId: now.id,
      resourceName: now.name,
      after: { added: added.length, removed: removed.length, altered: altered.length },
    });
  });
  await ctx.bus.emit('server.updated', { id: row.id, name: row.name });
  return change;
}

function settingsOf(row: { name: string; type: string; openapi: Record<string, unknown> | null }): OpenApiSettings {
  if (row.type !== 'openapi') throw new HubError('CONFLICT', `"${row.name}" is not made of an OpenAPI document.`);
  const { auth: _auth, ...settings } = (row.openapi ?? {}) as OpenApiSettings;
  return settings;
}

function withoutText({ document: _document, ...reading }: DocumentReading): DocumentReading {
  return reading;
}

function differences(before: readonly OperationView[], after: readonly OperationView[]) {
  const hashes = (all: readonly OperationView[]) =>
    new Map(all.filter(({ chosen }) => chosen).map(({ tool, hash }) => [tool, hash]));
  const [former, now] = [hashes(before), hashes(after)];
  return {
    added: [...now.keys()].filter((tool) => !former.has(tool)),
    removed: [...former.keys()].filter((tool) => !now.has(tool)),
    altered: [...now].filter(([tool, hash]) => former.has(tool) && former.get(tool) !== hash).map(([tool]) => tool),
  };
}
