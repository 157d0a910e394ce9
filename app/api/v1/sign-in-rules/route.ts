import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route, versioned } from '@/app/_server';
import { createSignInRule, listSignInRules } from '@/lib/access';
import { signInRuleInputSchema } from '@/lib/access/external/schema';

export const GET = route(async (call) => pageOf(call, 'sign-in-rules', await listSignInRules(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(
  async ({ ctx, body }) => {
    const rule = await createSignInRule(ctx, body);
    const response = versioned(rule, 201);
    response.headers.set('location', `/api/v1/sign-in-rules/${rule.id}`);
    return response;
  },
  { body: signInRuleInputSchema },
);

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
