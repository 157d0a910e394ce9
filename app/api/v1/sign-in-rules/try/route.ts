import { refuseOthers, route } from '@/app/_server';
import { trySignInRules } from '@/lib/access';
import { ruleTrialSchema } from '@/lib/access/external/schema';

const claimsMaxBytes = 64 * 1024;

export const POST = route(({ ctx, body }) => trySignInRules(ctx, body), {
  body: ruleTrialSchema,
  maxBytes: claimsMaxBytes,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
