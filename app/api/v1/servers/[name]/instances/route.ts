import { refuseOthers, route, worker } from '@/app/_server';
import { getServer } from '@/lib/servers';

export const GET = route(async ({ ctx, param }) => {
  const { id } = await getServer(ctx, param('name'));
  const { servers } = await worker().call('servers.status', { ids: [id] });
  return { data: servers.find((status) => status.id === id)?.instances ?? [], nextCursor: null };
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
