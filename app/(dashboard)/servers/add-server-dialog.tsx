'use client';
// Adding servers: paste what you have, fill in a form, or read an OpenAPI document.
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Dialog, DialogBody, DialogContent } from '@/app/_ui/dialog';
import { plural } from '@/app/_ui/format';
import { Notice } from '@/app/_ui/notice';
import { Tab, TabPanel, Tabs, TabsList } from '@/app/_ui/tabs';
import { toast } from '@/app/_ui/toaster';
import type { ActionFailure } from '@/lib/errors';
import type { ImportResult } from '@/lib/servers/schema';
import { createServerAction } from './actions';
import { FormFooter } from './form-footer';
import { AddOpenApi } from './openapi/add-openapi';
import { PasteImport } from './paste-import';
import { ServerForm } from './server-form';
import { emptyServerForm, inputOf, type ServerFormValues } from './server-form-values';

export interface AddServerDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** After something was written. */
  onAdded: () => void;
}

export default function AddServerDialog({ open, onOpenChange, onAdded }: AddServerDialogProps) {
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);

  function close(message: string) {
    onOpenChange(false);
    onAdded();
    toast(message);
  }

  function imported({ created, updated }: ImportResult) {
    const parts = [
      created.length > 0 && `Added ${created.join(', ')}`,
      updated.length > 0 && `updated ${updated.join(', ')}`,
    ];
    const said = parts.filter(Boolean).join(', ');
    close(said.length > 120 ? `Added ${plural(created.length, 'server')}` : said || 'Nothing was changed');
  }

  async function create(values: ServerFormValues): Promise<ActionFailure | null> {
    setRefusal(null);
    const answer = await answered(createServerAction(inputOf(values)));
    if (answer.ok) {
      close(`Added ${answer.data.name}`);
      return null;
    }
    if (Object.keys(answer.fields).length === 0) setRefusal(answer);
    return answer;
  }

  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <DialogContent title="Add a server" size="lg">
        <Tabs defaultValue="paste" className="flex min-h-0 flex-1 flex-col">
          <TabsList className="mx-5 shrink-0">
            <Tab value="paste">Paste</Tab>
            <Tab value="manual">Manual</Tab>
            <Tab value="openapi">OpenAPI</Tab>
          </TabsList>
          <TabPanel value="paste" className="flex min-h-0 flex-1 flex-col data-[state=inactive]:hidden">
            <PasteImport onDone={imported} />
          </TabPanel>
          <TabPanel value="manual" className="flex min-h-0 flex-1 flex-col data-[state=inactive]:hidden">
            <DialogBody>
              <ServerForm
                values={emptyServerForm}
                submitLabel="Add server"
                onSubmit={create}
                testableOf={(values) => ({ path: '/tests', body: inputOf(values) })}
                footer={(submit) => (
                  <FormFooter notice={refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}>
                    {submit}
                  </FormFooter>
                )}
              />
            </DialogBody>
          </TabPanel>
          <TabPanel value="openapi" className="flex min-h-0 flex-1 flex-col data-[state=inactive]:hidden">
            <AddOpenApi onAdded={(name) => close(`Added ${name}`)} />
          </TabPanel>
        </Tabs>
      </DialogContent>
    </Dialog>
  );
}
