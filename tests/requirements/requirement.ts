// The shape of one demand of the MCP specification on a gateway, which is a server to its clients and a client of the
// servers behind it. The tables are in session.ts (2025-11-25 and older) and stateless.ts (2026-07-28).

export interface Requirement {
  /** Cited in the titles of tests, in brackets: `it('… [L-HTTP-03]')`. Never given to another demand later. */
  id: string;
  revision: '2024-11-05' | '2025-03-26' | '2025-11-25' | '2026-07-28';
  /** Of that revision's specification, or the name of an official extension. */
  page: string;
  level: 'must' | 'should';
  /** What the gateway does; "upstream" in it means: towards the servers behind it. */
  text: string;
}

type Row = [id: string, level: Requirement['level'], text: string];

export const onPage = (revision: Requirement['revision'], page: string, rows: Row[]): Requirement[] =>
  rows.map(([id, level, text]) => ({ id, revision, page, level, text }));
