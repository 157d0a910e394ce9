'use client';
// A request and the tools that are right for it.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Dialog, DialogActions, DialogBody, DialogContent, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { toast } from '@/app/_ui/toaster';
import type { SearchCaseView } from '@/lib/quality/schema';
import { ToolFinder } from '../../tool-finder';

/** One that is not saved yet; `found` are tools that a search gave for it. */
export interface DraftCase {
  query: string;
  expected: string[];
  found?: string[];
}

export interface CaseDialogProps {
  edited: SearchCaseView | DraftCase;
  onClose: () => void;
}

export function CaseDialog({ edited, onClose }: CaseDialogProps) {
  const client = useQueryClient();
  const saved = 'id' in edited ? edited : null;
  const [query, setQuery] = useState(edited.query);
  const [expected, setExpected] = useState(edited.expected.join('\n'));
  const [group, setGroup] = useState(saved?.group ?? '');
  const [note, setNote] = useState(saved?.note ?? '');
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  const tools = expected
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const proposed = ('found' in edited ? (edited.found ?? []) : []).filter((tool) => !tools.includes(tool));
  const add = (tool: string) => setExpected([...tools, tool].join('\n'));

  async function save() {
    setBusy(true);
    setRefusal(null);
    const body = { query, expected: tools, group: group.trim() || null, note };
    try {
      if (saved) await api(`/tools/cases/${saved.id}`, { method: 'PATCH', body, ifMatch: saved.version });
      else await api('/tools/cases', { method: 'POST', body });
      await client.invalidateQueries({ queryKey: ['quality', 'cases'] });
      toast(saved ? 'Request changed' : 'Added to the test set');
      onClose();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setRefusal(error);
      setBusy(false);
    }
  }

  const fault = (field: string) =>
    Object.entries(refusal?.fields ?? {}).find(([pointer]) => pointer.startsWith(`/${field}`))?.[1] ?? null;
  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()}>
      <DialogContent
        title={saved ? 'Change request' : 'Add to the test set'}
        description="A request as somebody asks for it, and the tools that are right for it."
      >
        <DialogForm onSubmit={() => void save()}>
          <DialogBody className="flex flex-col gap-4">
            {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
            <Field label="Request" required error={fault('query')}>
              {(control) => (
                <Textarea {...control} rows={2} value={query} onChange={(event) => setQuery(event.target.value)} />
              )}
            </Field>
            <Field
              label="Right tools"
              required
              hint="One a line, as server/tool by the names that servers give. Any of them counts as right."
              error={fault('expected')}
            >
              {(control) => (
                <Textarea
                  {...control}
                  rows={3}
                  className="font-mono"
                  value={expected}
                  onChange={(event) => setExpected(event.target.value)}
                />
              )}
            </Field>
            {proposed.length > 0 && (
              <fieldset className="flex flex-wrap gap-1.5">
                <legend className="mb-1.5 text-table font-medium">Found by the search</legend>
                {proposed.map((tool) => (
                  <Button
                    key={tool}
                    size="sm"
                    className="max-w-full font-mono text-[0.75rem]"
                    aria-label={`Add ${tool}`}
                    onClick={() => add(tool)}
                  >
                    <span className="truncate">{tool}</span>
                  </Button>
                ))}
              </fieldset>
            )}
            <ToolFinder label="Find a tool" verb="Add" taken={[...tools, ...proposed]} onTake={add} />
            <Field
              label="Group"
              optional
              hint="Searched within this group; empty: in all tools."
              error={fault('group')}
            >
              {(control) => (
                <Input
                  {...control}
                  autoComplete="off"
                  value={group}
                  onChange={(event) => setGroup(event.target.value)}
                />
              )}
            </Field>
            <Field label="Note" optional error={fault('note')}>
              {(control) => (
                <Input {...control} autoComplete="off" value={note} onChange={(event) => setNote(event.target.value)} />
              )}
            </Field>
          </DialogBody>
          <DialogActions verb="Save" busy={busy} />
        </DialogForm>
      </DialogContent>
    </Dialog>
  );
}
