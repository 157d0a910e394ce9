// Checks of the official suite that do not pass, each with its reason. An entry whose check passes fails the tests: it
// has expired.
import type { ReferenceEra } from '../support/reference';

export interface Deviation {
  revision: string;
  /** "direct": the suite against the reference server itself; "client": it is what the hub connects to. */
  behind: 'direct' | 'client' | ReferenceEra | 'any';
  /** `scenario:check`, or a whole scenario, or a group of them as `group/*`, or "*" for all, of which then at least one check must fail. */
  check: string;
  reason: string;
}

const noTasks = 'The reference server makes no tasks that could be passed on; the suite does not score this extension.';

const tasks = [
  'tasks-lifecycle',
  'tasks-capability-negotiation',
  'tasks-wire-fields',
  'tasks-request-state-removal',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-dispatch-and-envelope',
  'tasks-required-task-error',
  'tasks-mrtr-composition',
];

const signIns = {
  'auth/basic-cimd': 'The suite wants its own address as the id of the client; the hub names its own document.',
  'auth/scope-step-up':
    'The hub looks at a sign-in page before it sends people there; the suite counts that as a sign-in.',
  'auth/scope-retry-limit': 'As above: each of the three sign-ins counts twice.',
  'auth/client-credentials-jwt': 'The hub proves itself by a secret, not by signed assertions.',
  'auth/dpop': 'An extension that the hub does not have.',
  'auth/dpop-nonce': 'An extension that the hub does not have.',
  'auth/enterprise-managed-authorization': 'An extension that the hub does not have.',
  'auth/wif-jwt-bearer': 'An extension that the hub does not have.',
};

export const deviations: Deviation[] = [
  ...['2025-11-25', '2026-07-28'].flatMap((revision) =>
    Object.entries(signIns).map(([check, reason]) => ({ revision, behind: 'client' as const, check, reason })),
  ),
  ...tasks.map((check) => ({ revision: '2026-07-28', behind: 'any' as const, check, reason: noTasks })),
  {
    revision: '2025-11-25',
    behind: 'direct',
    check: 'server-sse-polling',
    reason: 'The reference server gives its streams no event ids: resuming is optional, and the suite only warns.',
  },
  ...[
    'input-required-result-basic-elicitation:sep-2322-elicitation-incomplete',
    'input-required-result-ignore-extra-params:sep-2322-ignore-unexpected-params',
  ].map((check) => ({
    revision: '2026-07-28',
    behind: 'legacy' as const,
    check,
    reason: 'The suite wants the key "user_name": what a server with sessions asks has no key, so the hub makes one.',
  })),
  {
    revision: '2026-07-28',
    behind: 'legacy',
    check: 'input-required-result-multiple-input-requests:sep-2322-multiple-inputs-incomplete',
    reason: 'A server with sessions asks one question after the other; the next one comes with the retry.',
  },
];

/** @returns one sentence for each failure that nobody listed and each entry that has expired */
export function faultsOf(failed: string[], listed: Deviation[], messages: Map<string, string>): string[] {
  const covers = ({ check }: Deviation, failure: string) =>
    check === '*' ||
    (check.endsWith('/*') && failure.startsWith(check.slice(0, -1))) ||
    failure === check ||
    failure.startsWith(`${check}:`);
  return [
    ...failed
      .filter((failure) => !listed.some((entry) => covers(entry, failure)))
      .map((failure) => `${failure} failed: ${messages.get(failure)}`),
    ...listed
      .filter((entry) => !failed.some((failure) => covers(entry, failure)))
      .map(({ check }) => `${check} passes: take it off the list of deviations`),
  ];
}
