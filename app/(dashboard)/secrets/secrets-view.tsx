'use client';
// Stored secrets as a whole: put under a new key, and which of them no key opens. Each value is shown, masked, at its server.
import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { plural } from '@/app/_ui/format';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import type { ControlAnswer } from '@/lib/control/schema';

type Rotation = ControlAnswer<'secrets.rotate'>;

interface ClosedServer {
  name: string;
  /** Values that the master key of the hub does not open, as "env.NAME". */
  needsReentry: string[];
}

export interface SecretsViewProps {
  closed: ClosedServer[];
  mayRotate: boolean;
}

export function SecretsView({ closed, mayRotate }: SecretsViewProps) {
  const router = useRouter();
  const rotation = useMutation({
    mutationFn: () => api<Rotation>('/settings/secrets/rotate', { method: 'POST' }),
    onSuccess: () => router.refresh(),
  });

  return (
    <>
      <PageHeader
        title="Secrets"
        description="Variables, headers and credentials of servers are sealed in the database. They are shown masked, and nobody reads them back."
      />
      <div className="flex max-w-3xl flex-col gap-4">
        {closed.length > 0 && <Closed servers={closed} />}
        <Panel aria-label="Key of the stored secrets">
          <PanelHeader
            title="Put them under a new key"
            actions={
              mayRotate && (
                <ConfirmDialog
                  trigger={
                    <Button variant="primary" busy={rotation.isPending}>
                      New key…
                    </Button>
                  }
                  title="Put all stored secrets under a new key?"
                  confirm="Make a new key"
                  danger={false}
                  onConfirm={async () => rotation.mutate()}
                >
                  The secrets themselves stay as they are, and no server restarts. Older keys are kept, so that a backup
                  can still be read.
                </ConfirmDialog>
              )
            }
          />
          <PanelBody className="flex flex-col gap-3 text-table">
            <p className="max-w-[72ch] text-muted-foreground">
              A new key seals what is stored from now on, and the keys of all stored values are wrapped with it. Do it
              on a schedule of your own, and when the master key was changed because somebody may have seen it. Replace
              secrets that somebody saw at those who issued them as well.
            </p>
            <div role="status">{rotation.isPending && 'Putting the stored secrets under a new key …'}</div>
            {rotation.error && <ErrorNotice error={rotation.error} />}
            {rotation.data && <Outcome rotation={rotation.data} />}
          </PanelBody>
        </Panel>
      </div>
    </>
  );
}

function Outcome({ rotation: { key, values, closed } }: { rotation: Rotation }) {
  return (
    <Notice
      tone={closed > 0 ? 'warn' : 'ok'}
      title={`${plural(values, 'value')} ${values === 1 ? 'is' : 'are'} under the new key ${key}.`}
      hint={
        closed > 0 &&
        `${plural(closed, 'value')} could not be opened and ${closed === 1 ? 'was' : 'were'} left as ${closed === 1 ? 'it is' : 'they are'}: see above what to do.`
      }
    />
  );
}

function Closed({ servers }: { servers: ClosedServer[] }) {
  return (
    <Notice
      tone="warn"
      title="These values were sealed with another master key, and their servers do not start:"
      hint={
        <>
          <ul className="my-1 list-disc pl-5">
            {servers.map(({ name, needsReentry }) => (
              <li key={name} className="wrap-anywhere">
                <Link href={`/servers/${encodeURIComponent(name)}?tab=config`} className="font-medium underline">
                  {name}
                </Link>
                : <span className="font-mono text-[0.75rem]">{needsReentry.join(', ')}</span>
              </li>
            ))}
          </ul>
          Start the hub with the master key that it had before (MCPHUB_MASTER_KEY, or MCPHUB_PREVIOUS_MASTER_KEY beside
          a new one), or enter the values again. Nothing is deleted.
        </>
      }
    />
  );
}
