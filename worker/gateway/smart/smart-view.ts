// What a caller sees on a smart endpoint: three tools in place of all, behind which the others are found and run.
import { createHash } from 'node:crypto';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import type { Listing } from '../../../lib/servers/catalog';
import type { Endpoint } from '../catalog/endpoints';
import { type Item, type ListKind, type Seals, View } from '../catalog/view';
import { behindInWords, metaTools } from './meta-tools';

export class SmartView extends View {
  readonly #tools: { digest: string; page: Buffer };
  readonly #instructions: string;

  constructor(
    version: number,
    actor: Actor,
    endpoint: Endpoint,
    listings: ReadonlyMap<string, Listing>,
    keyring: Seals,
  ) {
    super(version, actor, endpoint, listings, keyring);
    const servers = [...new Set([...this.tools.values()].map(({ server }) => server.name))];
    const behind = { tools: this.tools.size, servers };
    const page = Buffer.from(JSON.stringify({ tools: metaTools(behind) }));
    this.#tools = { digest: createHash('sha256').update(page).digest('base64url'), page };
    this.#instructions =
      `Behind this endpoint are ${behindInWords(behind)}. Find the right one with search_tools, one need at a time, ` +
      'and run it with call_tool.';
  }

  /** The tool that call_tool runs. */
  override called(params: Record<string, unknown> | undefined): Item | undefined {
    if (params?.name !== 'call_tool') return undefined;
    const { id } = (params.arguments ?? {}) as { id?: unknown };
    return typeof id === 'string' ? this.tool(id) : undefined;
  }

  override digest(kind: ListKind): string {
    return kind === 'tools' ? this.#tools.digest : super.digest(kind);
  }

  override page(kind: ListKind, cursor: unknown): Buffer {
    if (kind !== 'tools') return super.page(kind, cursor);
    if (cursor === undefined) return this.#tools.page;
    throw new HubError('INVALID_INPUT', 'This cursor is not valid (any more): list again from the start.');
  }

  override about(): ReturnType<View['about']> {
    return { ...super.about(), instructions: this.#instructions };
  }
}
