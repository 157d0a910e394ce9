// A document as people look at it before and after it becomes a server: fetched or given, read, its operations counted.
import { createHash } from 'node:crypto';
import type { DocumentReading, DocumentSource, OpenApiSettings } from '../../../lib/openapi/schema';
import { tokensOfTool } from '../../../lib/routing/tokens';
import type { Egress } from '../egress';
import { absoluteServer } from './address';
import { fetchDocument } from './fetch';
import type { OperationPlan } from './model';
import { readPlan } from './reader';
import { chooser } from './selection';

const summaryChars = 200;

export interface ReadingOptions {
  egress: Egress;
  userAgent: string;
}

/** @throws HubError INVALID_INPUT with a sentence for people, UPSTREAM_UNAVAILABLE when the address does not answer */
export async function readDocument(
  source: DocumentSource,
  settings: OpenApiSettings,
  { egress, userAgent }: ReadingOptions,
): Promise<DocumentReading> {
  const isFetched = 'documentUrl' in source;
  const text = isFetched ? await fetchDocument(source.documentUrl, egress, userAgent) : source.document;
  const plan = await readPlan(text, { check: true });
  const isChosen = chooser(settings);
  const { openapi, title, version, description, schemes, faults, warnings } = plan;
  return {
    ...(isFetched && { document: text }),
    openapi,
    title,
    version,
    description,
    baseUrl: absoluteServer(plan.server, isFetched ? source.documentUrl : settings.documentUrl),
    schemes,
    operations: plan.operations.map((operation) => ({
      key: operation.key,
      operationId: operation.operationId,
      method: operation.method,
      path: operation.path,
      tags: operation.tags,
      tool: operation.tool.name,
      summary: (operation.tool.title ?? operation.tool.description).slice(0, summaryChars),
      tokens: tokensOfTool(operation.tool),
      chosen: isChosen(operation),
      hash: hashOf(operation),
    })),
    faults,
    warnings,
  };
}

/** Of all that a change of would be worth telling. */
function hashOf({ tool, parameters, body, security, server }: OperationPlan): string {
  const identity = JSON.stringify([tool, parameters, body, security, server]);
  return createHash('sha256').update(identity).digest('hex');
}
