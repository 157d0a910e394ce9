// Which scopes are asked for (basic/authorization, 2026-07-28: scope selection and step-up).
import type { Held } from '../../lib/credentials/held';
import type { OAuthSetting } from '../../lib/credentials/schema';
import type { Issuer } from './discovery';

/** A server that wants more each time is not followed for ever. */
export const stepsMax = 3;

/** What a server wanted more, as it is kept beside the tokens: how often, and all of it. */
export interface StepUp {
  tries: number;
  scopes: string[];
}

export function readStepUp({ values }: Pick<Held, 'values'>): StepUp {
  const [tries = '0', ...scopes] = (values.stepUp ?? '').split(' ').filter(Boolean);
  return { tries: Number(tries) || 0, scopes };
}

export function writeStepUp({ tries, scopes }: StepUp): string {
  return [String(tries), ...scopes].join(' ');
}

interface ScopeSources {
  setting: OAuthSetting;
  /** As the server says: in its challenge, or else in its metadata. */
  offered: readonly string[] | null;
  issuer: Issuer;
  /** What is there already. */
  before: Held | null;
}

/** All that the next sign-in asks for. What was granted once and is wanted now go together, or one would cost the other. */
export function wantedScopes({ setting, offered, issuer, before }: ScopeSources): string[] {
  const wanted = new Set(setting.scopes ?? offered ?? []);
  const isSameIssuer = before?.issuer === issuer.issuer;
  const stepUp = isSameIssuer ? readStepUp(before) : null;
  if (before && stepUp && stepUp.scopes.length > 0) {
    for (const scope of [...before.scopes, ...stepUp.scopes]) wanted.add(scope);
  }
  // Where the issuer knows it, it is what a refresh token is given for.
  if (issuer.scopes.includes('offline_access')) wanted.add('offline_access');
  return [...wanted];
}
