'use client';
// One group: its URL, what it offers, to whom; changed in place.
import { useQueryClient } from '@tanstack/react-query';
import { Cable, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { answered } from '@/app/_ui/answered';
import { Button, buttonClass } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { CopyButton } from '@/app/_ui/copy-button';
import { plural } from '@/app/_ui/format';
import { Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel } from '@/app/_ui/panel';
import { toast } from '@/app/_ui/toaster';
import { endpointUrl } from '@/lib/servers/clients';
import type { GroupView as Group } from '@/lib/servers/schema';
import { OpenAccess, OpenBadge } from '../../open-access';
import { ToolListCard } from '../../tool-list-card';
import { deleteGroupAction, updateGroupAction } from '../actions';
import { GroupForm, valuesOf } from '../group-form';
import type { GroupContext } from '../load';
import { GroupTools } from './group-tools';

export function GroupView({ group, around }: { group: Group; around: GroupContext }) {
  const router = useRouter();
  const client = useQueryClient();
  const url = endpointUrl(around.base, group.name);

  return (
    <>
      <PageHeader
        title={group.name}
        aside={<OpenBadge anonymous={group.anonymous} />}
        description={group.description || undefined}
        actions={
          <>
            <Link href={`/connect?endpoint=${encodeURIComponent(group.name)}`} className={buttonClass('primary')}>
              <Cable aria-hidden />
              Connect
            </Link>
            {around.rights.delete && (
              <ConfirmDialog
                trigger={
                  <Button variant="secondary">
                    <Trash2 aria-hidden />
                    Delete…
                  </Button>
                }
                title={`Delete group ${group.name}?`}
                confirm="Delete"
                onConfirm={async () => {
                  const answer = await answered(deleteGroupAction({ name: group.name }));
                  if (!answer.ok) throw new Error(answer.message);
                  await client.invalidateQueries({ queryKey: ['groups'] });
                  toast(`Group ${group.name} deleted`);
                  router.push('/groups');
                }}
              >
                Its URL stops working at once
                {group.members.length > 0 &&
                  `, and ${plural(group.members.length, 'member')} lose what only this group offers`}
                . The servers themselves stay.
              </ConfirmDialog>
            )}
          </>
        }
      />
      <div className="mb-4 flex items-center gap-1">
        <code className="min-w-0 rounded-control bg-sunken px-2 py-1 font-mono text-[0.75rem] break-all">{url}</code>
        <CopyButton text={url} label="Copy the URL" />
      </div>
      {group.anonymous && (
        <Notice
          className="mb-4 max-w-3xl"
          tone="warn"
          title="This group is open to everybody: callers without a key reach at once what you add here."
        />
      )}
      <Panel className="max-w-3xl pt-3">
        <GroupForm
          values={valuesOf(group)}
          around={around}
          submitLabel="Save"
          readOnly={!around.rights.update}
          onSubmit={async (values) => {
            const answer = await answered(
              updateGroupAction({ name: group.name, patch: values, ifVersion: group.version }),
            );
            if (!answer.ok) return answer;
            await client.invalidateQueries({ queryKey: ['groups'] });
            toast('Saved');
            if (answer.data.name === group.name) router.refresh();
            else router.replace(`/groups/${encodeURIComponent(answer.data.name)}`);
            return null;
          }}
        />
      </Panel>
      {group.servers.length > 0 && (
        <GroupTools group={group.name} version={group.version} mayUpdate={around.rights.update} />
      )}
      <ToolListCard
        className="mt-6 max-w-3xl"
        path={`/api/mcp/${group.name}`}
        resource={`/groups/${encodeURIComponent(group.name)}`}
        isField
        group={group.name}
        value={group.toolList}
        version={group.version}
        mayUpdate={around.rights.update}
        onSaved={async () => {
          await client.invalidateQueries({ queryKey: ['groups'] });
          router.refresh();
        }}
      />
      <OpenAccess
        kind="group"
        name={group.name}
        url={url}
        anonymous={group.anonymous}
        mayOpen={around.rights.open}
        mayShut={around.rights.update}
        reach={<Offers group={group} around={around} />}
        onChange={async (anonymous) => {
          const answer = await answered(
            updateGroupAction({ name: group.name, patch: { anonymous }, ifVersion: group.version }),
          );
          if (!answer.ok) return answer;
          await client.invalidateQueries({ queryKey: ['groups'] });
          toast(anonymous ? `${group.name} is open to everybody` : `${group.name} asks for a key`);
          router.refresh();
          return null;
        }}
      />
    </>
  );
}

function offerOf(tools: Group['servers'][number]['tools'], count: number): string {
  if (tools === 'all') return `all ${plural(count, 'tool')}, also later ones, resources and prompts`;
  if (Array.isArray(tools)) return tools.join(', ') || 'no tool';
  return `all tools but ${tools.except.join(', ')}, also later ones`;
}

/** What the group offers, as everybody reaches it where it is open. */
function Offers({ group, around }: { group: Group; around: GroupContext }) {
  if (group.servers.length === 0) return 'nothing yet, but all that is added to it';
  return (
    <ul className="list-disc pl-5">
      {group.servers.map(({ server, tools }) => (
        <li key={server} className="wrap-anywhere">
          {server}: {offerOf(tools, around.servers.find(({ name }) => name === server)?.toolCount ?? 0)}
        </li>
      ))}
    </ul>
  );
}
