// The part of a server's form that says how the server is signed in to, to and from the setting `credential`.
import type { CredentialField, CredentialSetting } from '@/lib/credentials/schema';
import type { ServerType } from '@/lib/servers/schema';

/** How the server is signed in to: not at all, once for all, by each user, or with keys of each user. */
export type SignInChoice = 'none' | 'oauth-hub' | 'oauth-user' | 'static';

/** What each user is asked for. */
export interface SignInField {
  /** Of a field that was saved: values are kept under it. */
  name: string;
  label: string;
  /** Header or variable. */
  place: string;
  bearer: boolean;
}

export interface SignInValues {
  signIn: SignInChoice;
  /** Separated by spaces. */
  signInScopes: string;
  signInClientId: string;
  signInClientSecret: string;
  signInIssuer: string;
  signInFields: SignInField[];
}

export function signInValues(credential: CredentialSetting | null): SignInValues {
  const oauth = credential?.kind === 'oauth' ? credential : undefined;
  return {
    signIn: credential === null ? 'none' : credential.kind === 'static' ? 'static' : `oauth-${credential.per}`,
    signInScopes: oauth?.scopes?.join(' ') ?? '',
    signInClientId: oauth?.clientId ?? '',
    signInClientSecret: oauth?.clientSecret ?? '',
    signInIssuer: oauth?.issuer ?? '',
    signInFields:
      credential?.kind === 'static'
        ? credential.fields.map(({ name, label, header, env, prefix }) => ({
            name,
            label,
            place: header ?? env ?? '',
            bearer: prefix !== undefined,
          }))
        : [],
  };
}

/** What a program cannot have is left out, as it is not shown. */
export function signInOf(values: SignInValues & { type: ServerType }): { credential?: CredentialSetting } {
  const isProgram = values.type === 'stdio';
  if (values.signIn === 'none' || (isProgram && values.signIn !== 'static')) return {};
  if (values.signIn === 'static') {
    return { credential: { kind: 'static', per: 'user', fields: fieldsOf(values.signInFields, isProgram) } };
  }
  const scopes = values.signInScopes.split(/\s+/).filter(Boolean);
  const [clientId, clientSecret, issuer] = [
    values.signInClientId.trim(),
    values.signInClientSecret.trim(),
    values.signInIssuer.trim(),
  ];
  return {
    credential: {
      kind: 'oauth',
      per: values.signIn === 'oauth-hub' ? 'hub' : 'user',
      ...(scopes.length > 0 && { scopes }),
      ...(clientId && { clientId }),
      ...(clientSecret && { clientSecret }),
      ...(issuer && { issuer }),
    },
  };
}

/** A new field is named after its header or variable. */
function fieldsOf(fields: SignInField[], isProgram: boolean): CredentialField[] {
  return fields.map(({ name, label, place, bearer }) => {
    const at = place.trim();
    const field = {
      name:
        name ||
        at
          .replace(/^[^A-Za-z]+/, '')
          .replace(/[^A-Za-z0-9_-]/g, '-')
          .slice(0, 64),
      label,
    };
    if (isProgram) return { ...field, env: at };
    return { ...field, header: at, ...(bearer && { prefix: 'Bearer ' as const }) };
  });
}

/** In a sentence. */
export function signInText({ kind, per }: CredentialSetting): string {
  if (kind === 'static') return 'Each user enters own keys, and calls run with them.';
  return per === 'hub'
    ? 'Signed in to once, by OAuth; all callers share it.'
    : 'Each user signs in by OAuth, and calls run as that user.';
}
