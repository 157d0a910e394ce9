// The fields that a change touched: what was there in red with a minus, what is there now in green with a plus.
import { changesOf, valueText } from './field-changes';

export function FieldChangesList({ before, after }: { before: unknown; after: unknown }) {
  const changes = changesOf(before, after);
  if (changes.length === 0) return <p className="text-table text-muted-foreground">No fields were recorded.</p>;
  return (
    <dl className="hairlines rounded-panel border border-border bg-sunken font-mono text-[0.75rem] leading-[1.125rem]">
      {changes.map(({ path, before: old, after: now }) => (
        <div key={path} className="px-3 py-2">
          {path && <dt className="mb-1 break-all text-muted-foreground">{path}</dt>}
          <dd>
            {old !== undefined && (
              <del className="flex gap-2 rounded-control bg-bad-soft px-1.5 text-bad no-underline">
                <span aria-hidden>−</span>
                <span className="sr-only">before:</span>
                <span className="min-w-0 break-words whitespace-pre-wrap">{valueText(old)}</span>
              </del>
            )}
            {now !== undefined && (
              <ins className="flex gap-2 rounded-control bg-ok-soft px-1.5 text-ok no-underline">
                <span aria-hidden>+</span>
                <span className="sr-only">after:</span>
                <span className="min-w-0 break-words whitespace-pre-wrap">{valueText(now)}</span>
              </ins>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
