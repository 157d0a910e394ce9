// What people read of how two documents differ.
import { plural } from '@/app/_ui/format';
import type { DocumentChange, DocumentReading } from '@/lib/openapi/schema';

/** How the operations of a document would differ; keys as in "GET /pets/{petId}". */
export function changeOf(before: DocumentReading, after: DocumentReading): DocumentChange {
  const [former, now] = [before, after].map(
    ({ operations }) => new Map(operations.map(({ key, tool, hash }) => [key, `${tool} ${hash}`])),
  ) as [Map<string, string>, Map<string, string>];
  const added = [...now.keys()].filter((key) => !former.has(key));
  const removed = [...former.keys()].filter((key) => !now.has(key));
  const altered = [...now].filter(([key, tool]) => former.has(key) && former.get(key) !== tool).map(([key]) => key);
  return { changed: added.length + removed.length + altered.length > 0, added, removed, altered };
}

/** E.g. "2 tools added, 1 tool removed."; null where nothing differs. */
export function changeWords({ added, removed, altered }: DocumentChange, noun: string): string | null {
  const parts = [
    added.length > 0 && `${plural(added.length, noun)} added`,
    removed.length > 0 && `${plural(removed.length, noun)} removed`,
    altered.length > 0 && `${plural(altered.length, noun)} changed`,
  ].filter(Boolean);
  return parts.length > 0 ? `${parts.join(', ')}.` : null;
}

/** One line each, cut after 20. */
export function changeLines({ added, removed, altered }: DocumentChange): string | undefined {
  const lines = [
    ...added.map((name) => `+ ${name}`),
    ...removed.map((name) => `- ${name}`),
    ...altered.map((name) => `~ ${name}`),
  ];
  if (lines.length === 0) return undefined;
  return lines.length > 20 ? `${lines.slice(0, 20).join('\n')}\n… and ${lines.length - 20} more` : lines.join('\n');
}
