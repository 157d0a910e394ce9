import { refuseOthers, route } from '@/app/_server';
import { getSignInSetting, setSignInSetting } from '@/lib/access';
import { signInSettingPatchSchema } from '@/lib/access/external/schema';

export const GET = route(({ ctx }) => getSignInSetting(ctx));

export const PATCH = route(({ ctx, body }) => setSignInSetting(ctx, body), { body: signInSettingPatchSchema });

export const { DELETE, POST, PUT } = refuseOthers('GET', 'PATCH');
