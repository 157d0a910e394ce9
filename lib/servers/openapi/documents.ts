// The stored documents of OpenAPI servers: how one is read before it is saved, kept, and replaced.
import { createHash } from 'node:crypto';
import { eq, inArray, sql } from 'drizzle-orm';
import { openapiDocuments } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import { HubError } from '../../errors';
import { invalidInput } from '../../input';
import type { DocumentReading, DocumentSource, OpenApiInput, OpenApiSettings, OpenApiView } from '../../openapi/schema';

/** Reads a document where outside connections are allowed, i.e. in the worker. */
export type ReadDocument = (source: DocumentSource, settings: OpenApiSettings) => Promise<DocumentReading>;

export async function loadDocument(db: Db | Tx, serverId: string): Promise<string | null> {
  const [row] = await db
    .select({ document: openapiDocuments.document })
    .from(openapiDocuments)
    .where(eq(openapiDocuments.serverId, serverId));
  return row?.document ?? null;
}

/** A server that is gone meanwhile is left alone. */
export async function saveDocument(db: Db | Tx, serverId: string, document: string): Promise<void> {
  const sha256 = createHash('sha256').update(document).digest('hex');
  const values = { document, sha256, fetchedAt: new Date() };
  await db
    .insert(openapiDocuments)
    .values({ serverId, ...values })
    .onConflictDoUpdate({ target: openapiDocuments.serverId, set: values });
}

/** As the worker's upstreams see it. */
export function documentStore(db: Db, serverId: string) {
  return {
    load: () => loadDocument(db, serverId),
    save: (document: string) => saveDocument(db, serverId, document),
  };
}

export async function dropDocument(tx: Tx, serverId: string): Promise<void> {
  await tx.delete(openapiDocuments).where(eq(openapiDocuments.serverId, serverId));
}

/** What is shown of the documents of these servers, by their ids. */
export async function describeDocuments(
  db: Db | Tx,
  serverIds: string[],
): Promise<Map<string, NonNullable<OpenApiView['document']>>> {
  if (serverIds.length === 0) return new Map();
  const rows = await db
    .select({
      serverId: openapiDocuments.serverId,
      sha256: openapiDocuments.sha256,
      bytes: sql<number>`octet_length(${openapiDocuments.document})::int`,
      fetchedAt: openapiDocuments.fetchedAt,
    })
    .from(openapiDocuments)
    .where(inArray(openapiDocuments.serverId, serverIds));
  return new Map(
    rows.map(({ serverId: id, sha256, bytes, fetchedAt }) => [
      id,
      { sha256, bytes, fetchedAt: fetchedAt.toISOString() },
    ]),
  );
}

/**
 * The settings of a server that is about to be saved, with its document read and the addresses that credentials go to
 * written down: a document that changes later must not lead them elsewhere.
 * @param stored the document that the server has, where neither another one nor another address is given
 * @throws HubError INVALID_INPUT with the pointer of the wrong field, UNAVAILABLE without a worker
 */
export async function completed(read: ReadDocument, input: OpenApiInput, stored: string | null): Promise<OpenApiInput> {
  const { document = stored, ...settings } = input;
  const { auth: _auth, ...shown } = settings;
  const place = input.document === undefined && stored === null ? 'documentUrl' : 'document';
  if (document === null && settings.documentUrl === undefined) {
    throw invalidInput([{ pointer: '/openapi', detail: 'give the "document" or its "documentUrl"' }]);
  }
  const source = document === null ? { documentUrl: settings.documentUrl as string } : { document };
  const reading = await read(source, shown).catch((error: unknown) => {
    throw asFault(error, `/openapi/${place}`);
  });
  const baseUrl = settings.baseUrl ?? reading.baseUrl;
  if (baseUrl === null) {
    throw invalidInput([
      { pointer: '/openapi/baseUrl', detail: 'the document names no address of its API: set it here' },
    ]);
  }
  if (reading.operations.length > 0 && !reading.operations.some(({ chosen }) => chosen)) {
    const detail = `chooses none of the ${reading.operations.length} operations of the document`;
    throw invalidInput([{ pointer: `/openapi/${settings.include ? 'include' : 'exclude'}`, detail }]);
  }
  const auth = Object.entries(settings.auth ?? {}).map(([name, given]) => {
    const scheme = reading.schemes.find((each) => each.name === name);
    if (!scheme) {
      const pointer = `/openapi/auth/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      throw invalidInput([{ pointer, detail: 'is no security scheme of the document' }]);
    }
    const tokenUrl = given.tokenUrl ?? absolute(scheme.tokenUrl, settings.documentUrl ?? baseUrl);
    return [name, given.clientId !== undefined && tokenUrl ? { ...given, tokenUrl } : given];
  });
  return {
    ...settings,
    baseUrl,
    ...(auth.length > 0 && { auth: Object.fromEntries(auth) }),
    document: reading.document ?? input.document,
  };
}

function absolute(url: string | undefined, base: string): string | undefined {
  return url !== undefined && URL.canParse(url, base) ? new URL(url, base).href : undefined;
}

function asFault(error: unknown, pointer: string): unknown {
  const { code, message } = error as Partial<HubError>;
  const isTheirs = code === 'INVALID_INPUT' || code === 'UPSTREAM_UNAVAILABLE' || code === 'INTERRUPTED';
  if (!isTheirs && code !== 'UPSTREAM_BAD_ANSWER') return error;
  return new HubError('INVALID_INPUT', message, { faults: [{ pointer, detail: String(message) }], cause: error });
}
