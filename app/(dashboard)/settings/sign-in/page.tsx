import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { callbackUrl, context, settings, waysIn } from '@/app/_server';
import { getSignInSetting, listSignInRules } from '@/lib/access';
import { can } from '@/lib/access/can';
import { loadUserContext } from '../../users/load';
import { SignInSettingsView } from './sign-in-settings-view';

export const metadata: Metadata = { title: 'Sign-in' };

export default async function SignInSettingsPage() {
  const ctx = await context();
  if (!can(ctx.actor, 'read', { type: 'setting' })) notFound();
  const [rules, setting, around] = await Promise.all([
    listSignInRules(ctx),
    getSignInSetting(ctx),
    loadUserContext(ctx),
  ]);
  const { providers, passwords } = waysIn();
  return (
    <SignInSettingsView
      rules={rules}
      setting={setting}
      around={around}
      passwords={passwords}
      providers={providers.map((provider) => ({
        ...provider,
        callbackUrl: callbackUrl(settings().MCPHUB_PUBLIC_URL, provider.id),
      }))}
      mayChange={can(ctx.actor, 'update', { type: 'setting' })}
    />
  );
}
