'use client';
// Paste anything that names servers, see what it would do, confirm. Nothing is written before that.
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Badge, type Tone } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { DialogBody, DialogFooter } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { plural } from '@/app/_ui/format';
import { Textarea } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { ActionFailure } from '@/lib/errors';
import type { ImportChoices, ImportPlan, ImportResult, ImportRow } from '@/lib/servers/schema';
import { applyImportAction, planImportAction } from './actions';
import { targetOf } from './shown-server';

const example = `{
  "mcpServers": {
    "memory": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-memory"]
    }
  }
}`;

export function PasteImport({ onDone, text: given = '' }: { onDone: (result: ImportResult) => void; text?: string }) {
  const [text, setText] = useState(given);
  const [plan, setPlan] = useState<ImportPlan | null>(null);
  const [choices, setChoices] = useState<ImportChoices>({});
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const [busy, setBusy] = useState(false);

  async function preview() {
    setBusy(true);
    setRefusal(null);
    const answer = await answered(planImportAction({ text }));
    setBusy(false);
    if (answer.ok) setPlan(answer.data);
    else setRefusal(answer);
  }

  async function confirm() {
    setBusy(true);
    setRefusal(null);
    const answer = await answered(applyImportAction({ text, choices }));
    setBusy(false);
    if (answer.ok) onDone(answer.data);
    else setRefusal(answer);
  }

  const writes =
    plan?.rows.filter(
      (row) => row.state === 'add' || (row.state === 'conflict' && (choices[row.name] ?? 'skip') !== 'skip'),
    ).length ?? 0;

  return (
    <>
      <DialogBody className="flex flex-col gap-3">
        {plan ? (
          <>
            <p className="text-table text-muted-foreground" role="status">
              Read as <strong className="font-medium text-foreground">{plan.dialect}</strong>, with{' '}
              {plural(plan.rows.length, 'server')}. Nothing is written yet.
            </p>
            <ul className="hairlines rounded-panel border border-border">
              {plan.rows.map((row) => (
                <PlanRow
                  key={row.name}
                  row={row}
                  choice={choices[row.name] ?? 'skip'}
                  onChoose={(choice) => setChoices({ ...choices, [row.name]: choice })}
                />
              ))}
            </ul>
          </>
        ) : (
          <Field
            label="Configuration, command or URL"
            hint="The configuration of any MCP client, a command line such as “npx -y some-server”, or the URL of a remote server."
          >
            {(control) => (
              <Textarea
                {...control}
                autoFocus
                value={text}
                onChange={(event) => setText(event.target.value)}
                rows={12}
                spellCheck={false}
                placeholder={example}
                className="font-mono text-[0.75rem] leading-[1.125rem]"
                onKeyDown={(event) => {
                  if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) void preview();
                }}
              />
            )}
          </Field>
        )}
        {refusal && <Notice tone="bad" title={<RefusalText text={refusal.message} />} hint={refusal.hint} />}
      </DialogBody>
      <DialogFooter>
        {plan ? (
          <>
            <Button onClick={() => setPlan(null)} disabled={busy}>
              Back
            </Button>
            <Button variant="primary" onClick={confirm} busy={busy} disabled={writes === 0}>
              {writes === 0 ? 'Nothing to add' : `Add ${plural(writes, 'server')}`}
            </Button>
          </>
        ) : (
          <Button variant="primary" onClick={preview} busy={busy} disabled={text.trim() === ''}>
            Preview
          </Button>
        )}
      </DialogFooter>
    </>
  );
}

/** A message of several lines carries an excerpt with a caret, which needs equal widths. */
function RefusalText({ text }: { text: string }) {
  const [first, ...rest] = text.split('\n');
  return (
    <>
      {first}
      {rest.length > 0 && <pre className="mt-1 overflow-x-auto font-mono text-[0.75rem]">{rest.join('\n')}</pre>}
    </>
  );
}

const rowLooks: Record<ImportRow['state'], { tone: Tone; word: string }> = {
  add: { tone: 'ok', word: 'New' },
  conflict: { tone: 'warn', word: 'Name taken' },
  unchanged: { tone: 'idle', word: 'Already here' },
  invalid: { tone: 'bad', word: 'Not usable' },
};

interface PlanRowProps {
  row: ImportRow;
  choice: ImportChoices[string];
  onChoose: (choice: ImportChoices[string]) => void;
}

function PlanRow({ row, choice, onChoose }: PlanRowProps) {
  const { tone, word } = rowLooks[row.state];
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2 text-table">
      <div className="min-w-0 flex-1 basis-60">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-medium">{row.name}</span>
          {row.label && <span className="text-muted-foreground">pasted as “{row.label}”</span>}
          <Badge tone={tone}>{word}</Badge>
        </p>
        {row.server && (
          <p className="font-mono text-caption font-normal wrap-anywhere text-muted-foreground">
            {summaryOf(row.server)}
          </p>
        )}
        {row.warnings.map((warning) => (
          <p key={warning} className={row.state === 'invalid' ? 'text-bad' : 'text-warn'}>
            {warning}
          </p>
        ))}
      </div>
      {row.state === 'conflict' && (
        <Select
          aria-label={`What to do with ${row.name}`}
          value={choice}
          onChange={(event) => onChoose(event.target.value as ImportChoices[string])}
          options={[
            { value: 'skip', label: 'Skip' },
            { value: 'overwrite', label: 'Overwrite' },
            { value: 'rename', label: 'Add under another name' },
          ]}
        />
      )}
    </li>
  );
}

function summaryOf(server: NonNullable<ImportRow['server']>): string {
  if (server.type === 'openapi') return server.openapi.documentUrl ?? '';
  if (server.type !== 'stdio') return server.url;
  const env = Object.keys(server.env ?? {});
  const line = targetOf({ type: 'stdio', command: server.command, args: server.args ?? [], url: null });
  return env.length > 0 ? `${line}  (with ${env.join(', ')})` : line;
}
