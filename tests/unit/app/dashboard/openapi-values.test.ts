import { describe, expect, it } from 'vitest';
import { changeLines, changeOf, changeWords } from '../../../../app/(dashboard)/servers/openapi/document-change';
import {
  carriedOver,
  chosenOf,
  credentialsOf,
  includeOf,
  pointerOf,
  suggestedName,
  tokensOf,
  typedOf,
} from '../../../../app/(dashboard)/servers/openapi/openapi-values';
import { type DocumentReading, openApiInputSchema } from '../../../../lib/openapi/schema';

const operation = (key: string) => ({
  key,
  operationId: null,
  method: 'GET',
  path: '/',
  tags: [],
  tool: key,
  summary: '',
  tokens: 10,
  chosen: true,
  hash: '',
});

const reading: DocumentReading = {
  openapi: '3.1.0',
  title: 'T',
  version: '1',
  description: '',
  baseUrl: null,
  schemes: [
    { name: 'apiKey-2', kind: 'apiKey', in: 'header', parameter: 'X-Key' },
    { name: 'oauth', kind: 'oauth2' },
    { name: 'other', kind: 'unsupported' },
  ],
  operations: [operation('GET /a'), operation('GET /b')],
  faults: [],
  warnings: [],
};

describe('the form of an OpenAPI server', () => {
  it('puts what is secret into secrets and refers to it', () => {
    const typed = { 'apiKey-2': { value: ' k ' }, oauth: { clientId: 'id', clientSecret: 's', scopes: '' } };
    const made = credentialsOf(reading.schemes, typed);
    expect(made).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference to a secret
      auth: {
        'apiKey-2': { value: '${API_KEY_2_VALUE}' },
        oauth: { clientId: 'id', clientSecret: '${OAUTH_CLIENT_SECRET}' },
      },
      secrets: { API_KEY_2_VALUE: 'k', OAUTH_CLIENT_SECRET: 's' },
    });
    expect(openApiInputSchema.safeParse({ auth: made.auth }).success).toBe(true);
  });

  it('keeps a stored secret that is not typed again, and drops credentials that were emptied', () => {
    const stored = { oauth: { clientId: 'id', clientSecret: '***abcd', tokenUrl: 'https://x.test/t' } };
    expect(credentialsOf(reading.schemes, typedOf(stored), stored)).toEqual({ auth: stored, secrets: {} });
    expect(credentialsOf(reading.schemes, {}, {}).auth).toEqual({});
  });

  it('needs no filter for all operations, so that later ones are offered too', () => {
    expect(includeOf(reading, new Set(['GET /a', 'GET /b']))).toBeUndefined();
    expect(includeOf(reading, new Set(['GET /b']))).toEqual({ operations: ['GET /b'] });
    expect(tokensOf(reading, new Set(['GET /b']))).toBe(10);
  });

  it('suggests a legal name', () => {
    expect(['Swagger Petstore API', 'Figma REST API', '日本', 'SSE'].map(suggestedName)).toEqual([
      'petstore',
      'figma',
      'api',
      'api',
    ]);
  });

  it('points at a field of a scheme as faults do, whatever its name', () => {
    expect(pointerOf(['openapi', 'auth', 'a/b~c', 'value'])).toBe('/openapi/auth/a~1b~0c/value');
  });
});

describe('another document in the place of the one before', () => {
  const b = { ...operation('GET /b'), hash: 'other' };
  const after = { ...reading, operations: [b, operation('GET /c'), { ...operation('GET /d'), chosen: false }] };

  it('keeps what was chosen among the operations that both have, and takes the new ones as the filters say', () => {
    expect([...carriedOver(reading, new Set(['GET /a']), after)]).toEqual(['GET /c']);
    expect([...carriedOver(reading, new Set(['GET /b']), after)]).toEqual(['GET /b', 'GET /c']);
    expect([...carriedOver(reading, chosenOf(reading), after)]).toEqual(['GET /b', 'GET /c', 'GET /d']);
  });

  it('is told apart by operations that are new, gone and changed, a new tool name among them', () => {
    const change = changeOf(reading, after);
    expect(change).toEqual({ changed: true, added: ['GET /c', 'GET /d'], removed: ['GET /a'], altered: ['GET /b'] });
    expect(changeWords(change, 'operation')).toBe('2 operations added, 1 operation removed, 1 operation changed.');
    expect(changeLines(change)).toBe('+ GET /c\n+ GET /d\n- GET /a\n~ GET /b');
    const renamed = { ...reading, operations: [{ ...operation('GET /a'), tool: 'get_a' }, operation('GET /b')] };
    expect(changeOf(reading, renamed).altered).toEqual(['GET /a']);
    expect(changeWords(changeOf(reading, reading), 'operation')).toBeNull();
  });
});
