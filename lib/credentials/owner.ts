// Whose a credential is, as the audit trail says it, whoever writes there: a user may be called "hub".

export type OwnedBy = { of: 'hub' } | { of: 'user'; user: string };

/** @param user name of the user; null: the hub's own, which all callers share */
export function ownedBy(user: string | null): OwnedBy {
  return user === null ? { of: 'hub' } : { of: 'user', user };
}
