'use client';
// One tool in a list: what it is, and for a hit how well it fits and why. Texts of servers are shown as text only.
import { Play } from 'lucide-react';
import Link from 'next/link';
import { Badge } from '@/app/_ui/badge';
import { buttonClass } from '@/app/_ui/button';
import { TokenCount } from '@/app/_ui/token-count';
import type { SearchReason, ToolField } from '@/lib/routing/schema';

export interface ShownTool {
  server: string;
  name: string;
  title: string | null;
  description: string | null;
  readOnly: boolean;
  /** About. */
  tokens?: number | undefined;
}

export interface ToolRowProps {
  tool: ShownTool;
  mayCall: boolean;
  hit?: { score: number; why: readonly SearchReason[]; nearness?: number | undefined };
}

export function ToolRow({ tool, mayCall, hit }: ToolRowProps) {
  const { server, name, title, description, readOnly, tokens } = tool;
  return (
    <li className="relative py-2.5 pr-20 pl-4 text-table">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <Link
          href={`/servers/${encodeURIComponent(server)}?${new URLSearchParams({ tab: 'tools', tool: name })}`}
          className="font-mono text-[0.75rem] font-medium break-all hover:underline"
        >
          {name}
        </Link>
        {title && title !== name && <span className="text-muted-foreground">{title}</span>}
        <Badge>{server}</Badge>
        {readOnly && <Badge>read-only</Badge>}
        {tokens !== undefined && <TokenCount tokens={tokens} />}
        {hit && <Fit score={hit.score} />}
      </div>
      <p className="mt-0.5 line-clamp-2 text-muted-foreground">{description || 'No description.'}</p>
      {hit && hit.why.length > 0 && <Reasons why={hit.why} />}
      {hit && hit.why.length === 0 && hit.nearness !== undefined && hit.nearness > 0 && (
        <p className="mt-1 text-caption font-normal text-muted-foreground">Near in meaning, in other words</p>
      )}
      {mayCall && (
        <Link
          href={`/playground?${new URLSearchParams({ server, tool: name })}`}
          className={buttonClass('secondary', 'sm', 'absolute top-2 right-4')}
          aria-label={`Try ${name} of ${server}`}
        >
          <Play aria-hidden />
          Try
        </Link>
      )}
    </li>
  );
}

/** How well it fits, against the best hit. */
function Fit({ score }: { score: number }) {
  const share = Math.min(1, score);
  const words = score > 1 ? 'named in the request' : `fit ${Math.round(share * 100)} %`;
  return (
    <span className="flex items-center gap-1.5 text-caption font-normal text-muted-foreground">
      <svg aria-hidden viewBox="0 0 48 4" className="h-1 w-12">
        <rect width="48" height="4" rx="2" className="fill-muted" />
        <rect width={48 * share} height="4" rx="2" className="fill-primary" />
      </svg>
      {words}
    </span>
  );
}

const fieldWords: Record<ToolField, string> = {
  name: 'name',
  server: 'server',
  description: 'description',
  parameter: 'parameter',
  parameterDescription: 'parameter text',
};

function Reasons({ why }: { why: readonly SearchReason[] }) {
  return (
    <p className="mt-1 flex flex-wrap gap-x-3 gap-y-0.5 text-caption font-normal text-muted-foreground">
      {why.map(({ word, as, in: places }) => (
        <span key={word}>
          <span className="font-medium text-foreground">{as ? `${word} ≈ ${as}` : word}</span> in{' '}
          {places.map((place) => fieldWords[place]).join(', ')}
        </span>
      ))}
    </p>
  );
}
