'use client';
// Which servers a group offers, and of each all tools, some, or all but some.
import { useQuery } from '@tanstack/react-query';
import { api, type Page } from '@/app/_ui/api';
import { plural } from '@/app/_ui/format';
import { ErrorNotice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import { Skeleton } from '@/app/_ui/skeleton';
import type { GroupInput, ToolView } from '@/lib/servers/schema';

type Entry = NonNullable<GroupInput['servers']>[number];
type Choice = Entry['tools'];

export interface ServerPickerProps {
  known: { name: string; toolCount: number }[];
  /** Whether all tools but some can be chosen. */
  mayExcept?: boolean;
  value: Entry[];
  onChange: (servers: Entry[]) => void;
  fault: string | null;
}

type Way = 'all' | 'some' | 'except';
/** What each way begins with. */
const choices: Record<Way, Choice> = { all: 'all', some: [], except: { except: [] } };

function wayOf(choice: Choice): Way {
  if (choice === 'all') return 'all';
  return Array.isArray(choice) ? 'some' : 'except';
}

export function ServerPicker({ known, mayExcept = false, value, onChange, fault }: ServerPickerProps) {
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
                      value={wayOf(entry.tools)}
                      onChange={({ target }) => put({ server: name, tools: choices[target.value as Way] })}
                      options={[
                        { value: 'all', label: 'All tools, also later ones' },
                        { value: 'some', label: 'Only chosen tools' },
                        ...(mayExcept ? [{ value: 'except', label: 'All but some, also later ones' }] : []),
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
  value: Exclude<Choice, 'all'>;
  onChange: (choice: Choice) => void;
}

/** What is ticked is on offer, whichever way it is said. */
function ToolPicks({ server, value, onChange }: ToolPicksProps) {
  const { data, error } = useQuery({
    queryKey: ['tools', 'names', server],
    queryFn: ({ signal }) => fetchNames(server, signal),
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data) return <Skeleton className="mt-1 h-12 w-full" />;
  const isExcept = !Array.isArray(value);
  const named = isExcept ? value.except : value;
  // A named tool that the server lists no more stays named, and can be let go.
  const gone = named.filter((name) => !data.some((tool) => tool.name === name)).map((name) => ({ name, shown: name }));
  const all = [...data, ...gone];
  const offered = isExcept ? all.length - named.length : named.length;

  function toggle(name: string) {
    const others = named.filter((each) => each !== name);
    const next = others.length < named.length ? others : [...named, name];
    onChange(isExcept ? { except: next } : next);
  }

  return (
    <fieldset className="mt-1 ml-6">
      <legend className="text-caption font-normal text-muted-foreground">
        {offered} of {plural(all.length, 'tool')} {isExcept ? 'offered, and all later ones' : 'chosen'}; without the
        resources and prompts of the server, which come with all tools only
      </legend>
      <div className="grid max-h-56 gap-x-4 overflow-y-auto sm:grid-cols-2">
        {all.map(({ name, shown }) => (
          <label key={name} className="flex min-h-6 min-w-0 items-center gap-2">
            <input
              type="checkbox"
              className="size-4 shrink-0 accent-primary"
              checked={named.includes(name) !== isExcept}
              onChange={() => toggle(name)}
            />
            <span className="truncate font-mono text-[0.75rem]" title={shown === name ? name : `${shown}, ${name}`}>
              {shown}
              {shown !== name && (
                <span className="text-muted-foreground">
                  {' '}
                  <span className="sr-only">in place of </span>
                  {name}
                </span>
              )}
              {gone.some((tool) => tool.name === name) && (
                <span className="text-muted-foreground"> (not offered now)</span>
              )}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** Of each tool its original name, and the one that models see. */
async function fetchNames(server: string, signal: AbortSignal): Promise<{ name: string; shown: string }[]> {
  const found: { name: string; shown: string }[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '200', ...(cursor && { cursor }) });
    const page: Page<ToolView> = await api(`/servers/${encodeURIComponent(server)}/tools?${query}`, { signal });
    found.push(...page.data.map(({ name, curated }) => ({ name, shown: curated?.name ?? name })));
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}
