// Which operations of a document become tools, and the size of the choice.
import type { OpenApiSettings, OperationFilter } from '../../../lib/openapi/schema';
import type { OperationPlan } from './model';

type Choosable = Pick<OperationPlan, 'key' | 'operationId' | 'method' | 'path' | 'tags'> & { tool: { name: string } };

/** Makes the choice of one server's settings. */
export function chooser({ include, exclude }: Pick<OpenApiSettings, 'include' | 'exclude'>) {
  const isIn = include && matcher(include);
  const isOut = exclude && matcher(exclude);
  return (operation: Choosable): boolean => (isIn?.(operation) ?? true) && !(isOut?.(operation) ?? false);
}

function matcher({ operations, tags, paths, methods }: OperationFilter): (operation: Choosable) => boolean {
  const named = new Set(operations);
  const tagged = new Set(tags);
  const globs = (paths ?? []).map(globOf);
  const verbs = new Set<string>(methods);
  return ({ key, operationId, tool, tags: own, path, method }) =>
    named.has(key) ||
    named.has(tool.name) ||
    (operationId !== null && named.has(operationId)) ||
    own.some((tag) => tagged.has(tag)) ||
    verbs.has(method) ||
    globs.some((glob) => glob.test(path));
}

function globOf(glob: string): RegExp {
  const parts = glob.split(/(\*+)/).map((part) => {
    if (!part.startsWith('*')) return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
    return part.length > 1 ? '.*' : '[^/]*';
  });
  return new RegExp(`^${parts.join('')}$`);
}
