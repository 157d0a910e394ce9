// Groups, endpoints and tools: what is offered, in which words, and how it is found.
import { z } from 'zod';
import { caseExportSchema, runQuerySchema, searchesQuerySchema } from '@/lib/quality/schema';
import { endpointQuerySchema } from '@/lib/routing/schema';
import type { Operations } from './operation';
import { page } from './paging';

export const toolsOperations: Operations = {
  '/api/v1/settings/tool-list': {
    get: { summary: 'How /api/mcp lists its tools', answer: 'RootToolList', versioned: 'etag', problems: [403] },
    patch: {
      summary: 'Change it by a JSON merge patch',
      body: 'ToolListPatch',
      answer: 'RootToolList',
      versioned: 'both',
      problems: [403, 412],
    },
  },
  '/api/v1/groups': {
    get: { summary: 'Groups that the caller may see', query: page, answer: 'GroupList' },
    post: {
      summary: 'Add a group',
      body: 'GroupInput',
      answer: 'Group',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/groups/{name}': {
    get: { summary: 'One group', answer: 'Group', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a group by a JSON merge patch; servers and members are replaced whole',
      body: 'GroupPatch',
      answer: 'Group',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: { summary: 'Remove a group', status: 204, versioned: 'if-match', problems: [403, 404, 412] },
  },
  '/api/v1/groups/{name}/tools': {
    get: {
      summary: 'Tools that a group offers, as its URL shows them before the name of the server is put in front',
      query: page,
      answer: 'GroupToolList',
      problems: [404],
    },
  },
  '/api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': {
    get: {
      summary: 'What is changed about a tool in a group, over the overlay of its server',
      answer: 'Overlay',
      versioned: 'etag',
      problems: [403, 404],
    },
    put: {
      summary: 'Change what models see of a tool in a group',
      body: 'GroupOverlay',
      answer: 'Overlay',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: {
      summary: 'Show a tool in a group as on its server again',
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 412],
    },
  },
  '/api/v1/tools': {
    get: {
      summary: 'Tools that the caller may see',
      query: page.extend({ server: z.string().max(64).optional() }),
      answer: 'ToolList',
      problems: [404],
    },
  },
  '/api/v1/tools/call': {
    post: {
      summary: 'Run a tool',
      body: 'ToolCallInput',
      answer: 'ToolCallResult',
      problems: [403, 404, 429, 502, 504],
    },
  },
  '/api/v1/endpoints': {
    get: {
      summary:
        'The MCP endpoints that the caller may use: what it sees there, and what that takes of a model’s context',
      query: endpointQuerySchema,
      answer: 'EndpointList',
      problems: [404],
    },
  },
  '/api/v1/tools/cases': {
    get: {
      summary: 'The test set of the search for tools: requests with the tools that are right for them',
      query: page,
      answer: 'SearchCaseList',
      problems: [403],
    },
    post: {
      summary: 'Add a request to the test set',
      body: 'SearchCaseInput',
      answer: 'SearchCase',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/tools/cases/{id}': {
    get: { summary: 'One entry of the test set', answer: 'SearchCase', versioned: 'etag', problems: [403, 404] },
    patch: {
      summary: 'Change an entry by a JSON merge patch',
      body: 'SearchCasePatch',
      answer: 'SearchCase',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: { summary: 'Remove an entry', status: 204, versioned: 'if-match', problems: [403, 404, 412] },
  },
  '/api/v1/tools/cases/import': {
    post: {
      summary: 'Add entries from lines of JSON or CSV, all or none; with dryRun only what would happen',
      body: 'CaseImport',
      answer: 'CaseImportAnswer',
      problems: [403],
    },
  },
  '/api/v1/tools/cases/export': {
    get: {
      summary: 'The test set as a file: a line of JSON per entry, or CSV',
      query: caseExportSchema,
      text: ['application/x-ndjson', 'text/csv'],
      problems: [403],
    },
  },
  '/api/v1/tools/runs': {
    get: { summary: 'Measurements of the search, newest first', query: page, answer: 'SearchRunList', problems: [403] },
    post: {
      summary:
        'Measure the search by the test set, over the tools that the caller sees; with Accept: application/x-ndjson the lines before the last tell how far it is',
      answer: 'SearchRun',
      problems: [403, 409, 429],
    },
  },
  '/api/v1/tools/runs/{id}': {
    get: {
      summary: 'One measurement with the rank of each entry, compared with the one before',
      query: runQuerySchema,
      answer: 'SearchRun',
      problems: [403, 404],
    },
  },
  '/api/v1/tools/searches': {
    get: {
      summary: 'What came of the latest searches for tools, of those whose calls the caller may see',
      query: searchesQuerySchema,
      answer: 'SearchList',
      problems: [403],
    },
  },
  '/api/v1/tools/searches/figures': {
    get: {
      summary: 'What came of the searches of the last 30 days, in figures',
      answer: 'SearchFigures',
      problems: [403],
    },
  },
  '/api/v1/tools/search': {
    post: {
      summary: 'Find the tools that a request in plain words is about, among those that the caller sees',
      body: 'ToolSearch',
      answer: 'ToolSearchAnswer',
      problems: [404, 429],
    },
  },
  '/api/v1/tools/search/status': {
    get: { summary: 'How tools are ranked now, and how many of them have a vector', answer: 'ToolSearchStatus' },
  },
};
