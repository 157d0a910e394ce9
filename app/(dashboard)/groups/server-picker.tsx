'use client';
// Which servers a group offers, and of each all tools or some.
import { useQuery } from '@tanstack/react-query';
import { api, type Page } from '@/app/_ui/api';
import { plural } from '@/app/_ui/format';
import { ErrorNotice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import { Skeleton } from '@/app/_ui/skeleton';
import type { GroupInput, ToolView } from '@/lib/servers/schema';

type Entry = NonNullable<GroupInput['servers']>[number];

export interface ServerPickerProps {
  known: { name: string; toolCount: number }[];
  value: Entry[];
  onChange: (servers: Entry[]) => void;
  fault: string | null;
}

export function ServerPicker({ known, value, onChange, fault }: ServerPickerProps) {
  const put = (entry: Entry) => onChange(value.map((each) => (each.server === entry.server ? entry : each)));

  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-table font-medium">Servers</legend>
      {known.length === 0 ? (
        <p className="text-table text-muted-foreground">There are no servers yet. A group can be filled later.</p>
      ) : (
        <ul className="hairlines rounded-panel border border-border">
          {known.map(({ name, toolCount }) => {
            const entry = value.find((each) => each.server === name);
            return (
              <li key={name} className="flex flex-col px-3 py-1.5">
                <div className="flex min-h-7 flex-wrap items-center gap-x-3 gap-y-1">
                  <label className="flex min-h-6 min-w-0 flex-1 basis-48 items-center gap-2 text-table font-medium">
                    <input
                      type="checkbox"
                      className="size-4 accent-primary"
                      checked={entry !== undefined}
                      onChange={({ target }) =>
                        onChange(
                          target.checked
                            ? [...value, { server: name, tools: 'all' }]
                            : value.filter((each) => each.server !== name),
                        )
                      }
                    />
                    <span className="truncate">{name}</span>
                    <span className="font-normal whitespace-nowrap text-muted-foreground">
                      {plural(toolCount, 'tool')}
                    </span>
                  </label>
                  {entry && (
                    <Select
                      aria-label={`Tools of ${name}`}
                      value={entry.tools === 'all' ? 'all' : 'some'}
                      onChange={({ target }) => put({ server: name, tools: target.value === 'all' ? 'all' : [] })}
                      options={[
                        { value: 'all', label: 'All tools, also later ones' },
                        { value: 'some', label: 'Only chosen tools' },
                      ]}
                    />
                  )}
                </div>
                {entry && entry.tools !== 'all' && (
                  <ToolPicks server={name} value={entry.tools} onChange={(tools) => put({ server: name, tools })} />
                )}
              </li>
            );
          })}
        </ul>
      )}
      {fault && (
        <p role="alert" className="text-caption text-bad">
          {fault}
        </p>
      )}
    </fieldset>
  );
}

interface ToolPicksProps {
  server: string;
  value: string[];
  onChange: (tools: string[]) => void;
}

function ToolPicks({ server, value, onChange }: ToolPicksProps) {
  const { data, error } = useQuery({
    queryKey: ['tools', 'names', server],
    queryFn: async ({ signal }) => {
      const page = await api<Page<ToolView>>(`/servers/${encodeURIComponent(server)}/tools?limit=200`, { signal });
      return page.data.map(({ name }) => name);
    },
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data) return <Skeleton className="mt-1 h-12 w-full" />;
  // A chosen tool that the server lists no more stays chosen, and can be let go.
  const names = [...new Set([...data, ...value])];
  return (
    <fieldset className="mt-1 ml-6">
      <legend className="text-caption font-normal text-muted-foreground">
        {value.length} of {plural(names.length, 'tool')} chosen; without the resources and prompts of the server, which
        come with all tools only
      </legend>
      <div className="grid max-h-56 gap-x-4 overflow-y-auto sm:grid-cols-2">
        {names.map((name) => (
          <label key={name} className="flex min-h-6 min-w-0 items-center gap-2">
            <input
              type="checkbox"
              className="size-4 shrink-0 accent-primary"
              checked={value.includes(name)}
              onChange={({ target }) =>
                onChange(target.checked ? [...value, name] : value.filter((each) => each !== name))
              }
            />
            <span className="truncate font-mono text-[0.75rem]" title={name}>
              {name}
              {!data.includes(name) && <span className="text-muted-foreground"> (not offered now)</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
