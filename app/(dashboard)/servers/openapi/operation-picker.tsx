'use client';
// The choice among the operations of a document: by search, by tag, one by one; and what the choice costs a model.
import { useState } from 'react';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { DocumentReading } from '@/lib/openapi/schema';
import { manyTokens, mostTools, tokensOf } from './openapi-values';

/** More rows make the page slow; the search finds the rest. */
const shownRows = 200;

export interface OperationPickerProps {
  reading: DocumentReading;
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
  error?: string | undefined;
}

export function OperationPicker({ reading, chosen, onChange, error }: OperationPickerProps) {
  const [search, setSearch] = useState('');
  const [tag, setTag] = useState('');
  const tags = [...new Set(reading.operations.flatMap((each) => each.tags))].sort();
  const wanted = search.trim().toLowerCase();
  const found = reading.operations.filter(
    (each) =>
      (tag === '' || each.tags.includes(tag)) &&
      `${each.key} ${each.tool} ${each.summary}`.toLowerCase().includes(wanted),
  );
  const keys = found.map(({ key }) => key);
  const tokens = tokensOf(reading, chosen);
  const set = (keys: string[], isIn: boolean) => {
    const next = new Set(chosen);
    for (const key of keys) isIn ? next.add(key) : next.delete(key);
    onChange(next);
  };

  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="mb-1.5 text-table font-medium">
        Operations
        <span className="ml-1.5 font-normal text-muted-foreground">
          {chosen.size} of {reading.operations.length} chosen, about {tokens.toLocaleString('en')} tokens
        </span>
      </legend>
      <div className="flex flex-wrap gap-2">
        <Input
          type="search"
          aria-label="Search operations"
          placeholder="Search operations"
          className="min-w-0 flex-1 basis-40"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        {tags.length > 0 && (
          <Select
            aria-label="Tag"
            className="max-w-48"
            value={tag}
            onChange={(event) => setTag(event.target.value)}
            options={[{ value: '', label: 'All tags' }, ...tags.map((each) => ({ value: each, label: each }))]}
          />
        )}
        <div className="flex gap-2">
          <Button onClick={() => set(keys, true)}>Choose {found.length}</Button>
          <Button onClick={() => set(keys, false)}>Drop {found.length}</Button>
        </div>
      </div>
      <ul className="hairlines max-h-64 overflow-y-auto rounded-panel border border-border">
        {found.slice(0, shownRows).map((each) => (
          <li key={each.key} className="px-3 py-1">
            <label className="flex min-h-7 min-w-0 items-center gap-2 text-table">
              <input
                type="checkbox"
                className="size-4 shrink-0 accent-primary"
                checked={chosen.has(each.key)}
                onChange={({ target }) => set([each.key], target.checked)}
              />
              <Badge className="w-16 shrink-0 justify-center font-mono">{each.method}</Badge>
              <span className="min-w-0 flex-1 truncate" title={`${each.key}: ${each.summary}`}>
                <span className="font-mono text-[0.75rem]">{each.path}</span>{' '}
                <span className="text-muted-foreground max-sm:block max-sm:truncate">{each.summary}</span>
              </span>
              <span className="shrink-0 text-caption text-muted-foreground tabular-nums">{each.tokens}</span>
            </label>
          </li>
        ))}
        {found.length === 0 && <li className="px-3 py-2 text-table text-muted-foreground">No operation fits.</li>}
        {found.length > shownRows && (
          <li className="px-3 py-2 text-table text-muted-foreground">
            {plural(found.length - shownRows, 'more operation')}: search, or choose a tag.
          </li>
        )}
      </ul>
      {error && (
        <p role="alert" className="text-caption text-bad first-letter:uppercase">
          {error}
        </p>
      )}
      {chosen.size > mostTools ? (
        <Notice
          tone="warn"
          title={`${chosen.size.toLocaleString('en')} operations are more than the ${mostTools.toLocaleString('en')} tools that one server can list.`}
          hint="Choose tags: what is left over is not offered."
        />
      ) : (
        tokens > manyTokens && (
          <Notice
            tone="warn"
            title={`${plural(chosen.size, 'operation')}, about ${tokens.toLocaleString('en')} tokens.`}
            hint="A client that reads all tools has little room left: choose a tag, or single operations."
          />
        )
      )}
    </fieldset>
  );
}
