import { refuseOthers, route, versioned } from '@/app/_server';
import { duplicateRole } from '@/lib/access';
import { roleCopySchema } from '@/lib/access/schema';

export const POST = route(
  async ({ ctx, param, body }) => {
    const response = versioned(await duplicateRole(ctx, param('name'), body.name), 201);
    response.headers.set('location', `/api/v1/roles/${body.name}`);
    return response;
  },
  { body: roleCopySchema },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
