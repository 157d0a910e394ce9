'use client';
// What models see of a tool, against what its server says, and what both take of their context.
import { FieldChangesList } from '@/app/_ui/field-changes-list';
import { JsonView } from '@/app/_ui/json-view';
import { tokensOfTool } from '@/lib/routing/tokens';
import type { ShownTool } from '@/lib/servers/schema';

export function OverlayPreview({ upstream, shown }: { upstream: ShownTool; shown: ShownTool }) {
  const isSame = JSON.stringify(upstream) === JSON.stringify(shown);
  return (
    <section aria-label="What models see" className="flex min-w-0 flex-col gap-3 self-start lg:sticky lg:top-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <h3 className="text-table font-medium">What models see</h3>
        <Tokens before={tokensOfTool(upstream)} after={tokensOfTool(shown)} />
      </div>
      {isSame ? (
        <p className="text-table text-muted-foreground">Exactly what the server says.</p>
      ) : (
        <FieldChangesList before={upstream} after={shown} />
      )}
      <details>
        <summary className="w-fit cursor-pointer text-table text-muted-foreground hover:text-foreground">
          The whole definition
        </summary>
        <div className="mt-2 rounded-panel border border-border bg-sunken p-3">
          <JsonView value={withoutNulls(shown)} open={4} />
        </div>
      </details>
    </section>
  );
}

function Tokens({ before, after }: { before: number; after: number }) {
  const share = Math.round(((after - before) / Math.max(1, before)) * 100);
  return (
    <p
      role="status"
      className="text-caption font-normal text-muted-foreground tabular-nums"
      title="Estimates of what the tool takes of a model's context: name, description and input schema"
    >
      ≈ {before.toLocaleString('en')} → <span className="text-foreground">{after.toLocaleString('en')} tokens</span>
      {share !== 0 && ` (${share > 0 ? '+' : '−'}${Math.abs(share)} %)`}
    </p>
  );
}

function withoutNulls(shown: ShownTool) {
  return Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== null));
}
