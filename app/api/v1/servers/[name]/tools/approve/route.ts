import { refuseOthers, route } from '@/app/_server';
import { approveTools } from '@/lib/servers';
import { toolApprovalSchema } from '@/lib/servers/schema';

export const POST = route(
  async ({ ctx, param, body }) => {
    await approveTools(ctx, param('name'), body);
  },
  { body: toolApprovalSchema },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
