'use client';
// What is new about a tool that is not as it was first seen or last approved: its words, and the fields of its schemas.
import { type Change, diffWordsWithSpace } from 'diff';
import { FieldChangesList } from '@/app/_ui/field-changes-list';
import { RelativeTime } from '@/app/_ui/relative-time';
import type { ToolDrift, ToolView } from '@/lib/servers/schema';

export function DriftDetails({ tool, drift }: { tool: ToolView; drift: ToolDrift }) {
  const schemasOf = ({ inputSchema, outputSchema, annotations }: ToolView | ToolDrift) => ({
    inputSchema,
    outputSchema,
    annotations,
  });
  const [before, after] = [schemasOf(drift), schemasOf(tool)];
  const hasOtherSchemas = JSON.stringify(before) !== JSON.stringify(after);
  const texts = [
    ['Title', drift.title, tool.title],
    ['Description', drift.description, tool.description],
  ] as const;
  // What an overlay shows in place of a text that changed.
  const hidden = texts.flatMap(([label, old, now]) => {
    const shown = tool.curated && (label === 'Title' ? tool.curated.title : tool.curated.description);
    return old !== now && shown !== null && shown !== now ? [label] : [];
  });
  return (
    <section aria-label={`What changed in ${tool.name}`} className="flex flex-col gap-3">
      <p className="text-table text-muted-foreground">
        First seen or last approved <RelativeTime at={drift.pinnedAt} />, and changed since.
        {drift.held && ' Clients neither see nor call it until it is approved.'}
      </p>
      {hidden.length > 0 && (
        <p className="text-table">
          Models do not see this: on this server they are shown a curated {hidden.join(' and ').toLowerCase()} in its
          place.
        </p>
      )}
      {texts.map(
        ([label, old, now]) =>
          old !== now && (
            <div key={label}>
              <h2 className="mb-1 text-caption text-muted-foreground">{label}</h2>
              <WordDiff before={old ?? ''} after={now ?? ''} />
            </div>
          ),
      )}
      {hasOtherSchemas && (
        <div>
          <h2 className="mb-1 text-caption text-muted-foreground">Schemas and hints</h2>
          <FieldChangesList before={before} after={after} />
        </div>
      )}
    </section>
  );
}

function WordDiff({ before, after }: { before: string; after: string }) {
  return (
    <p className="rounded-panel border border-border bg-sunken p-3 text-table break-words whitespace-pre-wrap">
      {keyed(diffWordsWithSpace(before, after)).map(({ key, value, added, removed }) => {
        const text = visible(value);
        if (added) {
          return (
            <ins key={key} className="rounded-control bg-ok-soft text-ok no-underline">
              <span className="sr-only">added: </span>
              {text}
            </ins>
          );
        }
        if (removed) {
          return (
            <del key={key} className="rounded-control bg-bad-soft text-bad">
              <span className="sr-only">removed: </span>
              {text}
            </del>
          );
        }
        return <span key={key}>{text}</span>;
      })}
    </p>
  );
}

/** Keys by the place in the text. */
function keyed(changes: Change[]): (Change & { key: string })[] {
  let place = 0;
  return changes.map((change) => {
    const key = `${place}${change.removed ? '-' : ''}`;
    place += change.value.length;
    return { ...change, key };
  });
}

/** With characters that nobody sees written out. */
function visible(text: string): string {
  return text.replace(/[\p{Cf}\u115f\u1160\u3164]/gu, (each) =>
    /[\u200c\u200d]/.test(each) ? each : `⟦U+${each.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}⟧`,
  );
}
