'use client';
// Finds a tool to pin, among those of one endpoint.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { TokenCount } from '@/app/_ui/token-count';
import type { ToolSearchAnswer } from '@/lib/routing/schema';

export interface PinPickerProps {
  server: string | undefined;
  group: string | undefined;
  pinned: readonly string[];
  onPin: (pin: string) => void;
}

const shownHits = 6;

export function PinPicker({ server, group, pinned, onPin }: PinPickerProps) {
  const [text, setText] = useState('');
  const query = useDeferredValue(text.trim());
  const { data, error } = useQuery({
    queryKey: ['pin-picker', server, group, query],
    queryFn: async ({ signal }) => {
      // A word is not searched for at each key that is pressed.
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (signal.aborted) throw signal.reason;
      const body = { query, limit: shownHits + pinned.length, ...(server && { server }), ...(group && { group }) };
      return api<ToolSearchAnswer>('/tools/search', { method: 'POST', body, signal });
    },
    enabled: query !== '',
    placeholderData: keepPreviousData,
    retry: false,
  });
  const hits = (query === '' ? [] : (data?.hits ?? []))
    .map((hit) => ({ ...hit, pin: server === undefined ? `${hit.server}/${hit.name}` : hit.name }))
    .filter(({ pin }) => !pinned.includes(pin))
    .slice(0, shownHits);
  return (
    <div>
      <Field label="Pin a tool" optional hint="Search by its name or by what it does.">
        {(control) => (
          <Input
            {...control}
            type="search"
            autoComplete="off"
            className="max-w-80"
            maxLength={500}
            value={text}
            onChange={({ target }) => setText(target.value)}
          />
        )}
      </Field>
      {error && <ErrorNotice error={error} />}
      <p role="status" className="sr-only">
        {query !== '' && data ? `${hits.length} tools to pin` : ''}
      </p>
      {query !== '' && data && hits.length === 0 && (
        <p className="mt-2 text-table text-muted-foreground">No other tool fits this.</p>
      )}
      <ul className="mt-2 flex flex-col gap-1">
        {hits.map(({ pin, tokens }) => (
          <li key={pin} className="flex items-center gap-2 text-table">
            <Button size="sm" aria-label={`Pin ${pin}`} onClick={() => onPin(pin)}>
              Pin
            </Button>
            <code className="min-w-0 font-mono text-[0.75rem] break-all">{pin}</code>
            {tokens !== undefined && <TokenCount tokens={tokens} />}
          </li>
        ))}
      </ul>
    </div>
  );
}
