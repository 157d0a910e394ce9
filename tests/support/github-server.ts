// GitHub as far as a sign-in goes, as docs.github.com tells of it: the web application flow with PKCE, and the four
// questions of the REST API, paged. Served as GitHub Enterprise Server does, the API below /api/v3.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GithubUser {
  id: number;
  login: string;
  name?: string | null;
  emails?: { email: string; primary: boolean; verified: boolean }[];
  orgs?: string[];
  /** "organisation/slug". */
  teams?: string[];
}

export interface GithubServer {
  url: string;
  user: GithubUser;
  /** Paths of the API that answer 403, as for an organisation that has not approved the app. */
  refuses: string[];
  scopes: string | null;
  close(): Promise<void>;
}

export async function startGithub(client: { id: string; secret: string }, redirectUri: string): Promise<GithubServer> {
  const codes = new Map<string, { challenge: string; user: GithubUser }>();
  const tokens = new Map<string, GithubUser>();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', self.url);
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
      response.end(JSON.stringify(value));
    };
    const query = (name: string) => url.searchParams.get(name) ?? '';
    if (url.pathname === '/login/oauth/authorize') {
      if (query('client_id') !== client.id || query('redirect_uri') !== redirectUri) return json(404, {});
      if (query('code_challenge_method') !== 'S256') return json(400, { message: 'no PKCE' });
      self.scopes = query('scope');
      const code = randomBytes(10).toString('hex');
      codes.set(code, { challenge: query('code_challenge'), user: self.user });
      const back = new URL(redirectUri);
      back.searchParams.set('code', code);
      back.searchParams.set('state', query('state'));
      response.writeHead(302, { location: back.href });
      return response.end();
    }
    if (url.pathname === '/login/oauth/access_token' && request.method === 'POST') {
      const form = new URLSearchParams(await textOf(request));
      const given = `${form.get('client_id')}:${form.get('client_secret')}`;
      const code = codes.get(form.get('code') ?? '');
      codes.delete(form.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      // GitHub answers 200 to what it refuses.
      if (given !== `${client.id}:${client.secret}`) return json(200, { error: 'incorrect_client_credentials' });
      if (!code || code.challenge !== challenge) return json(200, { error: 'bad_verification_code' });
      const token = `gho_${randomBytes(18).toString('hex')}`;
      tokens.set(token, code.user);
      return json(200, { access_token: token, scope: 'read:org,read:user,user:email', token_type: 'bearer' });
    }
    const user = tokens.get(/^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (!user) return json(401, { message: 'Bad credentials' });
    if (!request.headers['user-agent'] || self.refuses.includes(url.pathname))
      return json(403, { message: 'Forbidden' });
    const size = Number(query('per_page') || 30);
    const paged = (all: unknown[]) => json(200, all.slice((Number(query('page') || 1) - 1) * size).slice(0, size));
    const { id, login, name = null, emails = [], orgs = [], teams = [] } = user;
    if (url.pathname === '/api/v3/user') return json(200, { id, login, name, email: null, type: 'User' });
    if (url.pathname === '/api/v3/user/emails') return paged(emails);
    if (url.pathname === '/api/v3/user/orgs') return paged(orgs.map((org) => ({ login: org })));
    if (url.pathname === '/api/v3/user/teams') {
      return paged(
        teams.map((team) => ({ slug: team.split('/')[1], organization: { login: team.split('/')[0] }, name: team })),
      );
    }
    return json(404, { message: 'Not Found' });
  });
  const self: GithubServer = {
    url: '',
    user: { id: 1, login: 'octocat' },
    refuses: [],
    scopes: null,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return self;
}

async function textOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
