// What the hub keeps of an OpenAPI document: for each operation a tool, and what is needed to turn its arguments into a
// request. Plain JSON throughout, because it is made in a thread of its own and crosses to the one that serves calls.
import type { DocumentReading } from '../../../lib/openapi/schema';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';
export type Style = 'simple' | 'label' | 'matrix' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';

/** One parameter of a request (Parameter Object, OpenAPI 3.0 and 3.1). */
export interface ParameterPlan {
  /** Its name among the tool's arguments. */
  argument: string;
  name: string;
  in: ParameterPlace;
  style: Style;
  explode: boolean;
  allowReserved: boolean;
  /** Its value is one JSON text (`content: application/json`). */
  asJson: boolean;
  required: boolean;
}

/** One property of a form (Encoding Object). */
export interface FieldPlan {
  /** Sent as a file of a multipart form; the argument is `{data, fileName?, contentType?}`. */
  file: boolean;
  contentType?: string;
  style?: Style;
  explode?: boolean;
  allowReserved?: boolean;
}

export interface BodyPlan {
  kind: 'json' | 'form' | 'multipart' | 'text' | 'binary';
  contentType: string;
  required: boolean;
  fields: Record<string, FieldPlan>;
}

export interface ToolDefinition {
  name: string;
  title?: string;
  description: string;
  inputSchema: JsonObject;
  outputSchema?: JsonObject;
  annotations: {
    title?: string;
    readOnlyHint: boolean;
    destructiveHint: boolean;
    idempotentHint: boolean;
    openWorldHint: boolean;
  };
}

export interface OperationPlan {
  /** "GET /pets/{petId}": what tells operations of a document apart. */
  key: string;
  operationId: string | null;
  method: string;
  path: string;
  tags: string[];
  tool: ToolDefinition;
  parameters: ParameterPlan[];
  body: BodyPlan | null;
  /** Value of the Accept header. */
  accept: string;
  /** Alternatives, each the names of the schemes that it needs together; null where the document names none at all. */
  security: string[][] | null;
  /** Address of its own (`servers` of the path or operation); null: that of the document. */
  server: string | null;
}

export interface SchemePlan {
  name: string;
  kind: 'apiKey' | 'basic' | 'bearer' | 'oauth2' | 'unsupported';
  in?: 'header' | 'query' | 'cookie';
  /** Name of the header, query parameter or cookie. */
  parameter?: string;
  /** Of the client credentials flow. */
  tokenUrl?: string;
  scopes?: string[];
  description?: string;
}

/** A document as it was read. */
export interface DocumentPlan {
  openapi: string;
  title: string;
  version: string;
  description: string;
  /** The first of the document's servers with the defaults of its variables; perhaps relative. */
  server: string | null;
  schemes: SchemePlan[];
  operations: OperationPlan[];
  faults: DocumentReading['faults'];
  warnings: string[];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
