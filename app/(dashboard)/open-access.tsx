'use client';
// Whether an endpoint asks for a credential: said loudly, and opened only after it was said what everybody then reaches.
import { LockOpen } from 'lucide-react';
import type { ReactNode } from 'react';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { Notice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import type { ActionFailure } from '@/lib/errors';

/** Nothing for what asks for a credential. */
export function OpenBadge({ anonymous }: { anonymous: boolean }) {
  if (!anonymous) return null;
  return (
    <Badge tone="warn" title="Its URL asks for no key: everybody who reaches the hub may use it">
      <LockOpen aria-hidden />
      open to everybody
    </Badge>
  );
}

export interface OpenAccessProps {
  /** "server" or "group". */
  kind: 'server' | 'group';
  name: string;
  url: string;
  anonymous: boolean;
  /** Whether this visitor may open it. */
  mayOpen: boolean;
  /** Whether this visitor may shut it. */
  mayShut: boolean;
  /** What everybody reaches where it is open, e.g. "all 5 tools of files, its resources and prompts". */
  reach: ReactNode;
  /** @returns the refusal */
  onChange: (anonymous: boolean) => Promise<ActionFailure | null>;
}

export function OpenAccess({ kind, name, url, anonymous, mayOpen, mayShut, reach, onChange }: OpenAccessProps) {
  const change = async (next: boolean) => {
    const refusal = await onChange(next);
    if (refusal) throw new Error(refusal.message);
  };
  return (
    <Panel aria-label="Access without a key" className="mt-6 max-w-3xl">
      <PanelHeader
        title="Access without a key"
        actions={
          anonymous
            ? mayShut && (
                <ConfirmDialog
                  trigger={<Button>Ask for a key again…</Button>}
                  title={`Ask for a key at ${name} again?`}
                  confirm="Ask for a key"
                  danger={false}
                  onConfirm={() => change(false)}
                >
                  Callers without a key are turned away from then on, and what they have under way ends at once.
                </ConfirmDialog>
              )
            : mayOpen && (
                <ConfirmDialog
                  trigger={<Button>Open to everybody…</Button>}
                  title={`Open the ${kind} ${name} to everybody?`}
                  confirm="Open to everybody"
                  onConfirm={() => change(true)}
                >
                  <p>
                    Whoever reaches <code className="font-mono text-[0.75rem] break-all">{url}</code> needs no key, and
                    may see, call and read:
                  </p>
                  <div className="my-2 font-medium text-foreground">{reach}</div>
                  <p>
                    Calls run with what the {kind === 'server' ? 'server' : 'servers'} may do and the credentials that
                    were stored for {kind === 'server' ? 'it' : 'them'}.
                  </p>
                </ConfirmDialog>
              )
        }
      />
      <PanelBody>
        {anonymous ? (
          <Notice
            tone="warn"
            title="Everybody who reaches this hub may use it, without a key."
            hint={<>Open to them: {reach}</>}
          />
        ) : (
          <p className="text-table text-muted-foreground">
            Off: <code className="font-mono text-[0.75rem]">{new URL(url).pathname}</code> asks for a key or a sign-in.
            {!mayOpen && ' Only who may change settings opens it.'}
          </p>
        )}
      </PanelBody>
    </Panel>
  );
}
