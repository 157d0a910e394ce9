'use client';
// Finds a tool by what it does, among those of one endpoint, and hands over its name.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { TokenCount } from '@/app/_ui/token-count';
import type { ToolSearchAnswer } from '@/lib/routing/schema';

export interface ToolFinderProps {
  /** What is done with it. */
  label: string;
  /** The same, on the button of a tool: "Pin". */
  verb: string;
  /** Keeps to one server; its tools are then named without it. */
  server?: string | undefined;
  group?: string | undefined;
  /** Names that are offered no more. */
  taken: readonly string[];
  onTake: (name: string) => void;
}

const shownHits = 6;

export function ToolFinder({ label, verb, server, group, taken, onTake }: ToolFinderProps) {
  const [text, setText] = useState('');
  const query = useDeferredValue(text.trim());
  const { data, error } = useQuery({
    queryKey: ['tool-finder', server, group, query],
    queryFn: async ({ signal }) => {
      // A word is not searched for at each key that is pressed.
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (signal.aborted) throw signal.reason;
      const body = {
        query,
        limit: Math.min(50, shownHits + taken.length),
        ...(server && { server }),
        ...(group && { group }),
      };
      return api<ToolSearchAnswer>('/tools/search', { method: 'POST', body, signal });
    },
    enabled: query !== '',
    placeholderData: keepPreviousData,
    retry: false,
  });
  const hits = (query === '' ? [] : (data?.hits ?? []))
    .map((hit) => ({ ...hit, ref: server === undefined ? `${hit.server}/${hit.name}` : hit.name }))
    .filter(({ ref }) => !taken.includes(ref))
    .slice(0, shownHits);
  return (
    <div>
      <Field label={label} optional hint="Search by its name or by what it does.">
        {(control) => (
          <Input
            {...control}
            type="search"
            autoComplete="off"
            className="max-w-80"
            maxLength={500}
            value={text}
            onChange={({ target }) => setText(target.value)}
            // What it is part of is not sent by it.
            onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
          />
        )}
      </Field>
      {error && <ErrorNotice error={error} />}
      <p role="status" className="sr-only">
        {query !== '' && data ? `${hits.length} tools found` : ''}
      </p>
      {query !== '' && data && hits.length === 0 && (
        <p className="mt-2 text-table text-muted-foreground">No other tool fits this.</p>
      )}
      <ul className="mt-2 flex flex-col gap-1">
        {hits.map(({ ref, tokens }) => (
          <li key={ref} className="flex items-center gap-2 text-table">
            <Button size="sm" aria-label={`${verb} ${ref}`} onClick={() => onTake(ref)}>
              {verb}
            </Button>
            <code className="min-w-0 font-mono text-[0.75rem] break-all">{ref}</code>
            {tokens !== undefined && <TokenCount tokens={tokens} />}
          </li>
        ))}
      </ul>
    </div>
  );
}
