// What somebody may try against the hub, and what then holds. Cited in the titles of tests, as the promises about faults
// are. What is held by tests that were there before is cited by them.

export interface Threat {
  /** Never given to another threat later. */
  id: string;
  /** What is tried; CVE numbers name hubs and programs of others that it worked against. */
  threat: string;
  /** What then holds. */
  promise: string;
}

const rows = (list: [id: string, threat: string, promise: string][]): Threat[] =>
  list.map(([id, threat, promise]) => ({ id, threat, promise }));

export const threats: Threat[] = [
  ...rows([
    [
      'T-START-01',
      'Nobody asks a route that starts processes (CVE-2025-49596, CVE-2026-23744).',
      '401 from every route.',
    ],
    ['T-START-02', 'Somebody without the right to change servers asks it.', '403 or 404; nothing is started or told.'],
    ['T-START-03', 'A page of another site asks it in the browser of an admin.', '403 from every route that writes.'],
    [
      'T-START-04',
      'A variable of a row loads foreign code (NODE_OPTIONS, LD_*, DYLD_*, BASH_ENV).',
      '400 with the field.',
    ],
    [
      'T-START-05',
      'An address from OAuth metadata reaches a shell (CVE-2025-6514).',
      'Only http and https, never a shell.',
    ],
  ]),
  ...rows([
    [
      'T-REBIND-01',
      'A name of an attacker is pointed at the hub (CVE-2025-66416).',
      '403 on every path, sockets and probes too.',
    ],
    ['T-REBIND-02', 'A page of another origin sends requests.', '403 on every path and method; no CORS headers.'],
  ]),
  ...rows([
    [
      'T-IDENT-01',
      'Headers, query or cookie beside the credential name somebody else.',
      'Only the credential says who.',
    ],
    ['T-IDENT-02', 'A credential comes in the query, or in a cookie for MCP.', 'Ignored: 401.'],
    ['T-CROSS-01', 'Servers mix up the ids of answers (CVE-2026-25536).', 'No caller sees what is meant for another.'],
    ['T-SESSION-01', 'A session id is used with another credential.', '404, as if it did not exist.'],
    [
      'T-TRUST-01',
      'Somebody on this machine speaks as web or as worker.',
      'A unix socket of mode 0600, and no secret in arguments.',
    ],
  ]),
  ...rows([
    [
      'T-SSRF-01',
      'An address leads inside, in whatever spelling (CVE-2026-26118, CVE-2026-44430).',
      'Refused; link-local and metadata addresses in every mode.',
    ],
    ['T-SSRF-02', 'A name changes its address between check and connect.', 'What is connected to is what was checked.'],
    ['T-SSRF-03', 'The setting for addresses holds a mistake.', 'Named when the hub starts, which it then does not.'],
    ['T-SSRF-04', 'A server redirects inside.', 'Followed on its own origin only.'],
    ['T-SSRF-05', 'Documents that strangers name are fetched.', 'From public addresses only.'],
    ['T-BOMB-01', 'A schema is deep, wide or slow.', 'Looked at in less than 100 ms; costs its own tool only.'],
    ['T-BOMB-02', 'A pattern of somebody else takes exponential time.', 'Not run.'],
  ]),
  ...rows([
    [
      'T-NEXT-01',
      'A header takes requests past the proxy of Next (CVE-2025-29927).',
      'Dropped at the door; each page and route asks by itself.',
    ],
    ['T-NEXT-02', 'An action of a page is called without rights.', 'Each asks for the session and its own page.'],
    [
      'T-XSS-01',
      'Text of somebody else becomes code in a page.',
      'Scripts and style elements without the nonce do nothing.',
    ],
    ['T-XSS-02', 'A page is framed, guessed at, or its answers are read.', 'Headers on every answer but those of MCP.'],
    ['T-CSRF-01', 'A page of another site writes with the cookie of a session.', '403.'],
    ['T-LOGIN-01', 'A session from before the sign-in is planted.', 'A new one at each sign-in.'],
    ['T-LOGIN-02', 'Passwords are guessed.', 'Bounded per account and address; unknown names answer alike.'],
  ]),
  ...rows([
    [
      'T-INJECT-01',
      'Words of a shell stand in a command, argument, variable or secret.',
      'They are bytes: no shell reads them.',
    ],
    ['T-SECRET-01', 'A secret is looked for in answers, logs, pages, sockets and files.', 'Found nowhere.'],
    ['T-TOKEN-01', 'A server records the headers that it gets.', "The caller's credential is not among them."],
    [
      'T-POLICY-01',
      'What is hidden from a list is called by its name.',
      'Lists, calls and search ask the same function.',
    ],
    ['T-SUPPLY-01', 'A package of the hub has a known fault.', 'Tests fail on high and critical ones.'],
    ['T-PIN-01', 'A tool changes its definition after it was approved.', 'Held until approved, the others served.'],
    ['T-OAUTH-01', 'An issuer answers in the place of another.', 'Compared byte by byte.'],
    ['T-OAUTH-02', 'A consent is used by another client.', 'State, PKCE, exact redirects, consent per client.'],
    ['T-OAUTH-03', 'A token is signed with a key or algorithm of its own.', '401; algorithms are pinned.'],
  ]),
];
