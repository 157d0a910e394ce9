// The audit trail's actions in the words of people. An action that has none is shown as it is.
const words: Record<string, string> = {
  'server.created': 'Added a server',
  'server.updated': 'Changed a server',
  'server.deleted': 'Removed a server',
  'server.started': 'Started a server',
  'server.stopped': 'Stopped a server',
  'server.restarted': 'Restarted a server',
  'server.tested': 'Tested a server',
  'server.document-refreshed': 'Fetched an API document again',
  'group.created': 'Added a group',
  'group.updated': 'Changed a group',
  'group.deleted': 'Removed a group',
  'key.created': 'Made a key',
  'key.rotated': 'Gave a key a new secret',
  'key.revoked': 'Revoked a key',
  'limit.set': 'Limited calls',
  'limit.removed': 'Took away a limit of calls',
  'user.created': 'Added a user',
  'user.signed-in': 'Signed in',
  'user.signed-out': 'Signed out',
  'user.sign-in-failed': 'Failed to sign in',
  'user.locked-out': 'Locked out for guessing',
  'user.password-changed': 'Changed the password',
  'user.password-refused': 'Gave a wrong password',
  'user.password-reset': 'Chose a new password by a link',
  'user.reset-link-made': 'Made a link for a new password',
  'user.reset-refused': 'Used a wrong password link',
  'user.code-refused': 'Gave a wrong code',
  'user.second-factor-started': 'Began with a second factor',
  'user.second-factor-added': 'Added a second factor',
  'user.second-factor-removed': 'Removed a second factor',
  'user.updated': 'Changed a user',
  'user.disabled': 'Disabled a user',
  'user.enabled': 'Enabled a user',
  'user.deleted': 'Removed a user',
  'user.identity-linked': 'Linked an account of a sign-in provider',
  'user.identity-unlinked': 'Unlinked an account of a sign-in provider',
  'user.rules-applied': 'Got or lost roles or groups by sign-in rules',
  'sign-in-rule.created': 'Added a sign-in rule',
  'sign-in-rule.updated': 'Changed a sign-in rule',
  'sign-in-rule.deleted': 'Removed a sign-in rule',
  'setting.changed': 'Changed a setting',
  'session.revoked': 'Signed a browser out',
  'invite.created': 'Invited somebody',
  'invite.accepted': 'Joined by an invite',
  'invite.revoked': 'Revoked an invite',
  'invite.refused': 'Used a wrong invite',
  'grant.created': 'Allowed a client',
  'grant.updated': 'Allowed a client more',
  'grant.revoked': 'Ended what a client was allowed',
  'client.registered': 'Registered as a client',
  'credential.stored': 'Signed in to a server',
  'credential.deleted': 'Took away a sign-in to a server',
  'credential.revoked': 'Gave the tokens of a server back',
  'credential.not-revoked': 'Could not give the tokens of a server back',
  'secrets.rotated': 'Put stored secrets under a new key',
  'setup.refused': 'Used a wrong setup link',
};

export const knownActions: readonly string[] = Object.keys(words);

export function actionWords(action: string): string {
  return words[action] ?? action;
}

/** Refusals, by which somebody may be trying something. */
export function isRefusal(action: string): boolean {
  return /\.(sign-in-failed|locked-out|(\w+-)?refused)$/.test(action);
}
