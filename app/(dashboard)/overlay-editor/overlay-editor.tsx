'use client';
// Decides what models see of one tool, on its server or in a group. Loaded when somebody opens it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { answered } from '@/app/_ui/answered';
import { api } from '@/app/_ui/api';
import { ErrorNotice } from '@/app/_ui/notice';
import { Sheet, SheetContent } from '@/app/_ui/sheet';
import { Skeleton } from '@/app/_ui/skeleton';
import { toast } from '@/app/_ui/toaster';
import type { OverlayView, ToolOverlay } from '@/lib/servers/curation/schema';
import { setGroupOverlayAction, setOverlayAction } from '../servers/actions';
import { OverlayForm } from './overlay-form';

export interface EditedTool {
  server: string;
  /** Absent: on the server itself. */
  group?: string;
  /** Original name. */
  tool: string;
}

export interface OverlayEditorProps {
  edited: EditedTool;
  onClose: () => void;
}

export default function OverlayEditor({ edited, onClose }: OverlayEditorProps) {
  const client = useQueryClient();
  const { server, group, tool } = edited;
  const { data: view, error } = useQuery({
    queryKey: ['overlay', server, group ?? null, tool],
    queryFn: ({ signal }) => api<OverlayView>(pathOf(edited), { signal }),
    // What somebody else changed meanwhile is found when it is saved, and never replaces what is being typed.
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });

  async function store(overlay: ToolOverlay, ifVersion: number) {
    const { enabled: _enabled, ...shared } = overlay;
    const answer = await answered(
      group === undefined
        ? setOverlayAction({ server, tool, overlay, ifVersion })
        : setGroupOverlayAction({ server, group, tool, overlay: shared, ifVersion }),
    );
    if (answer.ok) await client.invalidateQueries({ queryKey: ['tools'] });
    return answer;
  }

  async function save(before: OverlayView, overlay: ToolOverlay) {
    const answer = await store(overlay, before.version);
    if (!answer.ok) return answer;
    onClose();
    const isReset = Object.keys(overlay).length === 0;
    toast(isReset ? `${tool} is as before` : `Models see ${answer.data.shown?.name ?? tool} like this now`, {
      action: {
        label: 'Undo',
        onClick: () =>
          void store(before.overlay, answer.data.version).then((undone) => {
            if (undone.ok) toast(`Undone`);
            else toast.error(undone.message);
          }),
      },
    });
    return null;
  }

  return (
    <Sheet open onOpenChange={(wanted) => !wanted && onClose()}>
      <SheetContent
        className="w-[68rem]"
        title={
          <>
            What models see of <code className="font-mono text-[0.8125rem]">{tool}</code>
            {group !== undefined && ` in ${group}`}
          </>
        }
      >
        {error && (
          <div className="p-4">
            <ErrorNotice error={error} />
          </div>
        )}
        {!error && !view && (
          <div className="flex flex-col gap-3 p-4">
            <Skeleton className="h-8 w-full" />
            <Skeleton className="h-8 w-full" />
            <Skeleton className="h-40 w-full" />
          </div>
        )}
        {view && <OverlayForm view={view} onCancel={onClose} onSave={(overlay) => save(view, overlay)} />}
      </SheetContent>
    </Sheet>
  );
}

function pathOf({ server, group, tool }: EditedTool): string {
  const ofServer = `/servers/${encodeURIComponent(server)}/tools/${encodeURIComponent(tool)}/overlay`;
  return group === undefined ? ofServer : `/groups/${encodeURIComponent(group)}${ofServer}`;
}
