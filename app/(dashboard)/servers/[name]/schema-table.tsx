'use client';
// The tools of a server as far as their definitions go: what they claim of themselves, the size and dialect of their
// schemas, and what is faulty or left out.
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Figure } from '@/app/_ui/figure';
import { plural } from '@/app/_ui/format';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { Td, Th } from '@/app/_ui/table';
import type { SchemaCheck, ServerReport } from '@/lib/diagnosis/schema';

const claims = [
  ['readOnly', 'read-only'],
  ['destructive', 'destructive'],
  ['idempotent', 'idempotent'],
  ['openWorld', 'open world'],
  ['none', 'without annotations'],
] as const;

const shownAtFirst = 10;
const hiddenShown = 100;

export function SchemaTable({ report: { tools, hidden, annotations } }: { report: ServerReport }) {
  const [all, setAll] = useState(false);
  if (tools.length === 0 && hidden.length === 0) return null;
  const faulty = tools.filter(({ input, output }) => input.fault || output?.fault);
  const sorted = [...faulty, ...tools.filter((tool) => !faulty.includes(tool))];
  const shown = all ? sorted : sorted.slice(0, Math.max(shownAtFirst, faulty.length));
  return (
    <Panel>
      <PanelHeader
        title="Tools and schemas"
        description={
          faulty.length === 0
            ? `${plural(tools.length, 'tool')}, every schema can be used.`
            : `${plural(faulty.length, 'tool')} of ${tools.length} with a schema that cannot be used.`
        }
        actions={
          tools.length > shown.length || all ? (
            <Button size="sm" variant="ghost" onClick={() => setAll(!all)}>
              {all ? 'Show fewer' : `Show all ${tools.length}`}
            </Button>
          ) : undefined
        }
      />
      <ul
        aria-label="What the tools say of themselves"
        className="flex flex-wrap gap-x-6 gap-y-1 px-4 py-2.5 text-table"
      >
        {claims.map(([key, word]) => (
          <li key={key} className={annotations[key] === 0 ? 'text-muted-foreground' : undefined}>
            <span className="figures font-medium">{annotations[key]}</span> {word}
          </li>
        ))}
      </ul>
      {hidden.length > 0 && (
        <div className="border-t border-border px-4 py-2.5">
          <h3 className="text-caption text-muted-foreground">Left out, because clients could not use them</h3>
          <ul className="mt-1 flex flex-col gap-1 text-table">
            {hidden.slice(0, hiddenShown).map(({ kind, name, reason }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: names may be empty or stand there twice
              <li key={index} className="wrap-anywhere">
                <span className="text-muted-foreground">{kind}</span>{' '}
                <span className="font-mono text-[0.75rem]">{name || '(no name)'}</span> {reason}
              </li>
            ))}
          </ul>
        </div>
      )}
      {tools.length > 0 && (
        <section
          aria-label="Schemas of the tools"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by keyboard (WCAG 2.1.1)
          tabIndex={0}
          className="overflow-x-auto border-t border-border"
        >
          <table className="w-full border-collapse text-left text-table">
            <thead className="text-caption text-muted-foreground">
              <tr>
                <Th className="pl-4">Tool</Th>
                <Th numeric>Input</Th>
                <Th numeric>Output</Th>
                <Th className="pr-4">Schema</Th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ name, input, output }) => (
                <tr key={name} className="border-t border-border">
                  <Td className="pl-4 font-mono text-[0.75rem] break-all">{name}</Td>
                  <Td numeric>
                    <Figure value={input.bytes} as="bytes" />
                  </Td>
                  <Td numeric>
                    <Figure value={output?.bytes} as="bytes" />
                  </Td>
                  <Td className="pr-4">
                    <Verdict input={input} output={output} />
                  </Td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  );
}

function Verdict({ input, output }: { input: SchemaCheck; output: SchemaCheck | null }) {
  if (!input.fault && !output?.fault)
    return <span className="whitespace-nowrap text-muted-foreground">{dialectOf(input)}</span>;
  return (
    <span className="text-bad wrap-anywhere">
      {input.fault && `Input ${input.fault} `}
      {output?.fault && `Output ${output.fault}`}
    </span>
  );
}

function dialectOf({ dialect }: SchemaCheck): string {
  if (dialect === null) return '2020-12, by default';
  return /(draft-?\d+|20\d\d-\d\d)/.exec(dialect)?.[1] ?? dialect;
}
