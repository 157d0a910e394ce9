// Security Schemes and Requirements of a document, as far as the hub can meet them.
import { type Document, resolve } from './document';
import { isObject, type SchemePlan } from './model';

export function readSchemes(document: Document): SchemePlan[] {
  const components = isObject(document.components) ? document.components : {};
  const schemes = isObject(components.securitySchemes) ? Object.entries(components.securitySchemes) : [];
  return schemes.flatMap(([name, value]) => {
    const scheme = resolve(document, value);
    if (!scheme) return [];
    const description = typeof scheme.description === 'string' ? scheme.description.slice(0, 500) : undefined;
    return { name, ...kindOf(scheme), ...(description && { description }) };
  });
}

function kindOf(scheme: Record<string, unknown>): Omit<SchemePlan, 'name' | 'description'> {
  const { type } = scheme;
  if (type === 'apiKey') {
    const place = scheme.in;
    if (typeof scheme.name !== 'string' || (place !== 'header' && place !== 'query' && place !== 'cookie')) {
      return { kind: 'unsupported' };
    }
    return { kind: 'apiKey', in: place, parameter: scheme.name };
  }
  if (type === 'http') {
    const word = String(scheme.scheme).toLowerCase();
    return { kind: word === 'basic' ? 'basic' : word === 'bearer' ? 'bearer' : 'unsupported' };
  }
  if (type === 'oauth2') {
    const flows = isObject(scheme.flows) ? scheme.flows : {};
    const flow = isObject(flows.clientCredentials) ? flows.clientCredentials : null;
    // The other flows need a person's browser; a token got elsewhere serves all the same.
    if (!flow || typeof flow.tokenUrl !== 'string') return { kind: 'bearer' };
    return { kind: 'oauth2', tokenUrl: flow.tokenUrl, scopes: isObject(flow.scopes) ? Object.keys(flow.scopes) : [] };
  }
  return { kind: type === 'openIdConnect' ? 'bearer' : 'unsupported' };
}

/** Those of the operation, else those of the document; null where neither names any. */
export function requirementsOf(document: Document, operation: Record<string, unknown>): string[][] | null {
  const list = Array.isArray(operation.security) ? operation.security : document.security;
  if (!Array.isArray(list)) return null;
  return list.filter(isObject).map((requirement) => Object.keys(requirement));
}
