// Servers: their life, settings, documents and credentials.
import { z } from 'zod';
import type { Operation, Operations } from './operation';
import { page } from './paging';

const logQuery = z.object({
  after: z.number().int().min(0).default(0).optional().meta({ description: 'Only lines with a higher seq' }),
  limit: z.number().int().min(1).max(1000).default(200).optional(),
});

const operate = (verb: string): Operation => ({
  summary: `${verb} a server`,
  answer: 'Server',
  versioned: 'etag',
  problems: [403, 404, 409],
});

export const serversOperations: Operations = {
  '/api/v1/servers': {
    get: { summary: 'Servers that the caller may see', query: page, answer: 'ServerList' },
    post: {
      summary: 'Add a server and start it',
      body: 'ServerInput',
      answer: 'Server',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/servers/{name}': {
    get: { summary: 'One server', answer: 'Server', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a server by a JSON merge patch; env and headers are merged, a masked value keeps the stored one',
      body: 'ServerPatch',
      answer: 'Server',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: { summary: 'Remove a server', status: 204, versioned: 'if-match', problems: [403, 404, 409, 412] },
  },
  '/api/v1/servers/{name}/start': { post: operate('Start') },
  '/api/v1/servers/{name}/stop': { post: operate('Stop') },
  '/api/v1/servers/{name}/restart': { post: operate('Restart') },
  '/api/v1/servers/{name}/tools/approve': {
    post: {
      summary: 'Take the present definitions of changed tools for good; each is named with its hash',
      body: 'ToolApproval',
      problems: [403, 404, 409],
    },
  },
  '/api/v1/servers/{name}/tools/{tool}/overlay': {
    get: {
      summary: 'What is changed about a tool before models see it, by its original name',
      answer: 'Overlay',
      versioned: 'etag',
      problems: [403, 404],
    },
    put: {
      summary: 'Change what models see of a tool; what is left out stays as the server says',
      body: 'ServerOverlay',
      answer: 'Overlay',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: {
      summary: 'Show a tool as its server says again',
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 412],
    },
  },
  '/api/v1/servers/{name}/tools': {
    get: { summary: 'Tools of a server', query: page, answer: 'ToolList', problems: [404] },
  },
  '/api/v1/servers/{name}/logs': {
    get: { summary: 'Last lines of stderr', query: logQuery, answer: 'LogLines', problems: [403, 404] },
  },
  '/api/v1/servers/{name}/instances': {
    get: { summary: 'Running instances of a server', answer: 'InstanceList', problems: [404] },
  },
  '/api/v1/servers/{name}/report': {
    get: {
      summary: 'What a server offers and supports, how it starts, and what was noticed of it while it was used',
      answer: 'ServerReport',
      problems: [404],
    },
  },
  '/api/v1/servers/{name}/test': {
    post: {
      summary:
        'Test a server stage by stage on an instance of its own; with Accept: application/x-ndjson each line is the test so far',
      body: 'ServerTestInput',
      isBodyOptional: true,
      answer: 'ServerTest',
      problems: [403, 404, 409, 429],
    },
  },
  '/api/v1/tests': {
    post: {
      summary: 'Test settings of a server that are not saved',
      body: 'ServerInput',
      answer: 'ServerTest',
      problems: [403, 409, 429],
    },
  },
  '/api/v1/servers/{name}/document': {
    get: {
      summary: 'What the OpenAPI document of a server offers, and which of its operations are chosen',
      answer: 'DocumentReading',
      problems: [403, 404, 409],
    },
  },
  '/api/v1/servers/{name}/document/refresh': {
    post: {
      summary: 'Fetch the OpenAPI document of a server again, and tell how its tools differ',
      answer: 'DocumentChange',
      problems: [403, 404, 409, 412],
    },
  },
  '/api/v1/servers/{name}/connections': {
    get: {
      summary: 'Who has signed in to a server through the hub: the hub itself, and users; never with values',
      query: page,
      answer: 'StoredConnectionList',
      problems: [403, 404],
    },
  },
  '/api/v1/servers/{name}/connections/{id}': {
    delete: { summary: 'Take a stored sign-in of a server away', status: 204, problems: [403, 404] },
  },
  '/api/v1/connections': {
    get: {
      summary: 'The servers at which you sign in for yourself, and whether you have',
      query: page,
      answer: 'ConnectionList',
    },
  },
  '/api/v1/connections/{name}': {
    get: { summary: 'Your connection to a server', answer: 'Connection', problems: [404] },
    put: {
      summary: 'Enter your own keys for a server; they are stored sealed and not shown again',
      body: 'ConnectionInput',
      answer: 'Connection',
      problems: [403, 404, 409],
    },
    delete: { summary: 'Forget your connection to a server', status: 204, problems: [403, 404] },
  },
  '/api/v1/connections/{name}/begin': {
    post: {
      summary: 'Begin a sign-in at a server by OAuth: open the URL of the answer in a browser within ten minutes',
      body: 'ConnectionBegin',
      answer: 'ConnectionBegun',
      problems: [403, 404, 409, 502, 503],
    },
  },
  '/api/v1/openapi': {
    post: {
      summary: 'What an OpenAPI document offers, before it becomes a server; with include and exclude what they choose',
      body: 'DocumentInput',
      answer: 'DocumentReading',
      problems: [403],
    },
  },
  '/api/v1/import': {
    post: {
      summary: 'Import servers from the configuration of another MCP client; with dryRun only the plan',
      body: 'ImportInput',
      answer: 'ImportAnswer',
      problems: [403, 409],
    },
  },
};
