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
  'user.created': 'Added a user',
  'user.signed-in': 'Signed in',
  'user.signed-out': 'Signed out',
  'user.sign-in-failed': 'Failed to sign in',
  'user.locked-out': 'Locked out for guessing',
  'user.password-changed': 'Changed the password',
  'user.password-refused': 'Gave a wrong password',
  'setup.refused': 'Used a wrong setup link',
};

export const knownActions: readonly string[] = Object.keys(words);

export function actionWords(action: string): string {
  return words[action] ?? action;
}

/** Refusals, by which somebody may be trying something. */
export function isRefusal(action: string): boolean {
  return /\.(sign-in-failed|locked-out|password-refused|refused)$/.test(action);
}
