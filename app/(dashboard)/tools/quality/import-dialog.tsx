'use client';
// Takes many requests at once: first a look at what is new and what matches no tool, then all of it or nothing.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Dialog, DialogActions, DialogBody, DialogContent, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { plural } from '@/app/_ui/format';
import { Textarea } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { toast } from '@/app/_ui/toaster';
import type { CaseImportAnswer } from '@/lib/quality/schema';

const shownLines = 20;

export function ImportDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState('');
  const [plan, setPlan] = useState<CaseImportAnswer | null>(null);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  const isReady = plan !== null && plan.faults.length === 0 && plan.added + plan.changed > 0;

  async function send() {
    setBusy(true);
    setRefusal(null);
    try {
      const body = { text, dryRun: !isReady };
      const answer = await api<CaseImportAnswer>('/tools/cases/import', { method: 'POST', body });
      if (!isReady) return setPlan(answer);
      await client.invalidateQueries({ queryKey: ['quality', 'cases'] });
      toast(`${plural(answer.added, 'request')} added, ${answer.changed} changed`);
      onClose();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setRefusal(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()}>
      <DialogContent
        size="lg"
        title="Import requests"
        description='Lines of JSON such as {"query": "rename a file", "expected": ["files/move_file"]}, or CSV with the columns query, expected, group and note.'
      >
        <DialogForm onSubmit={() => void send()}>
          <DialogBody className="flex flex-col gap-4">
            {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
            <Field label="Text" required>
              {(control) => (
                <Textarea
                  {...control}
                  rows={8}
                  className="font-mono"
                  value={text}
                  onChange={(event) => {
                    setText(event.target.value);
                    setPlan(null);
                  }}
                />
              )}
            </Field>
            {plan && <Plan plan={plan} />}
          </DialogBody>
          <DialogActions verb={isReady ? 'Import' : 'Check'} busy={busy} disabled={text.trim() === ''} />
        </DialogForm>
      </DialogContent>
    </Dialog>
  );
}

function Plan({ plan }: { plan: CaseImportAnswer }) {
  const { added, changed, same, unmatched, faults, entries } = plan;
  const lost = entries.filter(({ missing }) => missing.length > 0);
  return (
    <div role="status" className="flex flex-col gap-2 text-table">
      <p>
        {added} new, {changed} changed, {same} there already.
        {unmatched > 0 && ` ${plural(unmatched, 'request')} of which no tool exists.`}
      </p>
      {faults.length > 0 && (
        <Notice
          tone="bad"
          title={`${plural(faults.length, 'line')} ${faults.length === 1 ? 'is' : 'are'} no request: mend them first`}
          cause={faults
            .slice(0, shownLines)
            .map(({ line, detail }) => `line ${line}: ${detail}`)
            .join('\n')}
        />
      )}
      {lost.length > 0 && (
        <ul className="text-muted-foreground">
          {lost.slice(0, shownLines).map(({ line, query, missing }) => (
            <li key={line} className="truncate">
              Line {line}, “{query}”: there is no {missing.join(', ')}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
