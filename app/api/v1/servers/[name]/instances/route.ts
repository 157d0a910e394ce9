import { refuseOthers, route, worker } from '@/app/_server';
import { getServer, readableLogs, withoutOutput } from '@/lib/servers';

export const GET = route(async ({ ctx, param }) => {
  const { id } = await getServer(ctx, param('name'));
  const { servers } = await worker().call('servers.status', { ids: [id] });
  const status = servers.find((each) => each.id === id);
  const mayRead = (await readableLogs(ctx, [id])).has(id);
  return { data: (status && !mayRead ? withoutOutput(status) : status)?.instances ?? [], nextCursor: null };
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
