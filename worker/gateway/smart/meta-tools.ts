// The three tools of a smart endpoint: their definitions, and their arguments as they are checked.
import { z } from 'zod';
import { toolSearchMaxChars } from '../../../lib/routing/schema';
import type { Definition } from '../../../lib/servers/catalog';

const describedMax = 5;

const searchArguments = z.strictObject({
  query: z.string().trim().min(1).max(toolSearchMaxChars).describe('What shall be done, in plain words: one need'),
  limit: z.int().min(1).max(20).default(5).describe('How many tools at most'),
  server: z.string().min(1).max(64).optional().describe('Only tools of this server'),
  readOnly: z.boolean().optional().describe('Only tools that change nothing'),
});

const describeArguments = z.strictObject({
  ids: z.array(z.string().min(1).max(256)).min(1).max(describedMax).describe('Ids that search_tools gave'),
});

const callArguments = z.strictObject({
  id: z.string().min(1).max(256).describe('Id that search_tools gave'),
  arguments: z.record(z.string(), z.unknown()).default({}).describe('As the signature of the tool says'),
});

export const metaArguments = {
  search_tools: searchArguments,
  describe_tool: describeArguments,
  call_tool: callArguments,
};
export type MetaTool = keyof typeof metaArguments;

export function isMetaTool(name: unknown): name is MetaTool {
  return typeof name === 'string' && Object.hasOwn(metaArguments, name);
}

/** What lies behind an endpoint. */
export interface Behind {
  tools: number;
  /** Names. */
  servers: string[];
}

const namedServers = 40;

export function behindInWords({ tools, servers }: Behind): string {
  const shown = servers.slice(0, namedServers).join(', ');
  const more = servers.length > namedServers ? ` and ${servers.length - namedServers} more` : '';
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  if (servers.length === 0) return 'no tools yet';
  return `${counted(tools, 'tool')} of ${counted(servers.length, 'server')} (${shown}${more})`;
}

/** As tools/list shows them. The first says what lies behind, because that is what a model goes by. */
export function metaTools(behind: Behind): Definition[] {
  return [
    {
      name: 'search_tools',
      title: 'Search tools',
      description:
        `Finds the tools for something that you need to do, among ${behindInWords(behind)}. Search whenever none of the ` +
        'tools that you know fits, one need at a time. Gives ids with signatures; run one with call_tool.',
      inputSchema: schemaOf(searchArguments),
      outputSchema: schemaOf(searchResult),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    {
      name: 'describe_tool',
      title: 'Describe tools',
      description: `The whole definition of up to ${describedMax} tools that search_tools found, where a signature is not enough.`,
      inputSchema: schemaOf(describeArguments),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    {
      name: 'call_tool',
      title: 'Call a tool',
      description:
        'Runs a tool that search_tools found, and gives its result. Wrong arguments are answered with the schema of the tool.',
      inputSchema: schemaOf(callArguments),
    },
  ];
}

const searchResult = z.object({
  hits: z.array(
    z.object({
      id: z.string(),
      signature: z.string().describe('Parameters with their types; "?" marks what may be left out'),
      description: z.string(),
      score: z.number(),
    }),
  ),
  mode: z.string().describe('How the tools were ranked'),
});
export type SearchResult = z.infer<typeof searchResult>;

function schemaOf(shape: z.ZodType): Definition {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(shape, { io: 'input' });
  return schema;
}
