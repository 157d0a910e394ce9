'use server';
// The end of a sign-in at a server, with what its page of sign-in sent the browser back with.
import { defineAction, worker } from '@/app/_server';
import { getConnection, serverOfSignIn } from '@/lib/credentials';
import { signInAnswerSchema } from '@/lib/credentials/schema';
import { HubError } from '@/lib/errors';

export const finishSignInAction = defineAction(signInAnswerSchema, async (ctx, answer) => {
  const name = await serverOfSignIn(ctx, answer.state);
  const { userId } = ctx.actor;
  if (name === null || userId === null) {
    throw new HubError('INVALID_INPUT', 'This sign-in is over, or somebody else began it.', {
      hint: 'Begin it again, in this browser.',
    });
  }
  await worker().call('credentials.finish', { ...answer, userId });
  return getConnection(ctx, name);
});
