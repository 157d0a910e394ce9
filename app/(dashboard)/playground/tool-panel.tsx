'use client';
// The chosen tool: what it says of itself, its form, and the run.
import { Play, Square } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { Notice } from '@/app/_ui/notice';
import { type Json, SchemaForm, useSchemaForm } from '@/app/_ui/schema-form';
import type { ToolView } from '@/lib/servers/schema';
import { cancelRun, type Run, startRun } from './runs';

const slowAfterMs = 300;

export interface ToolPanelProps {
  tool: ToolView;
  initial: Run['arguments'] | undefined;
  running: Run | null;
  onRun: (id: number) => void;
}

export function ToolPanel({ tool, initial, running, onRun }: ToolPanelProps) {
  const form = useSchemaForm(tool.inputSchema as Json, initial);
  const [refused, setRefused] = useState<string | null>(null);

  function send(value: Json | undefined) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      setRefused('Arguments have to be a JSON object.');
      return;
    }
    setRefused(null);
    onRun(startRun(tool.server, tool.name, value));
  }

  function submit() {
    const checked = form.submit();
    if (checked) send(checked.value);
  }

  const invalid = form.showsAll && form.check.faults.length > 0;
  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!running) submit();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.metaKey || event.ctrlKey)) return;
        event.preventDefault();
        if (!running) submit();
      }}
    >
      <Description tool={tool} />
      <SchemaForm form={form} label="Arguments" emptyText="This tool takes no arguments." />
      {refused && <Notice tone="bad" title={refused} />}
      <div className="flex flex-wrap items-center gap-2 border-t border-border pt-4">
        {running ? (
          <>
            {/* Own keys: one element that turned from Cancel into Run during the press would submit the form. */}
            <Button key="cancel" onClick={() => cancelRun(running.id)}>
              <Square aria-hidden />
              Cancel
            </Button>
            <Elapsed since={running.startedAt} />
          </>
        ) : (
          <>
            <Button key="run" type="submit" variant="primary">
              <Play aria-hidden />
              Run
            </Button>
            {invalid && <Button onClick={() => send(form.state.value ?? {})}>Send anyway</Button>}
            <span className="text-caption font-normal text-muted-foreground max-sm:hidden">
              <kbd className="font-mono">Ctrl</kbd> or <kbd className="font-mono">⌘</kbd> +{' '}
              <kbd className="font-mono">Enter</kbd>
            </span>
          </>
        )}
      </div>
    </form>
  );
}

function Description({ tool }: { tool: ToolView }) {
  const { title, description, annotations } = tool;
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex flex-wrap items-center gap-2">
        {title && title !== tool.name && <span className="text-body font-medium">{title}</span>}
        {annotations?.readOnlyHint === true && <Badge>says: read-only</Badge>}
        {annotations?.destructiveHint === true && <Badge tone="warn">says: destructive</Badge>}
      </div>
      {description && (
        <p className="max-h-48 overflow-y-auto text-table whitespace-pre-wrap text-muted-foreground">{description}</p>
      )}
    </div>
  );
}

/** Counts while a tool works; quick answers never show it. */
function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  const elapsedMs = now - since;
  return (
    <span role="status" className="figures text-table text-muted-foreground">
      {elapsedMs >= slowAfterMs && `Running, ${(elapsedMs / 1_000).toFixed(1)} s`}
    </span>
  );
}
