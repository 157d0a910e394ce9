// What a caller sees where a search stands for the list of tools: always on a smart endpoint, on others as they are set.
// The tools behind are found and run through it.
import { createHash } from 'node:crypto';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import { tokensOfTools } from '../../../lib/routing/tokens';
import type { Listing } from '../../../lib/servers/catalog';
import type { Endpoint } from '../catalog/endpoints';
import { type Item, type ListKind, type Seals, View } from '../catalog/view';
import { behindInWords, metaTools } from './meta-tools';
import { behindOf, pinnedOf, tokensOfAll } from './smart-list';

interface SmartList {
  digest: string;
  page: Buffer;
  instructions: string;
  pinned: ReadonlyMap<string, Item>;
  /** Of a model's context. */
  tokens: number;
}

export class SmartView extends View {
  /** Null where the caller sees so few tools that they are listed one by one. */
  readonly #smart: SmartList | null;

  constructor(
    version: number,
    actor: Actor,
    endpoint: Endpoint,
    listings: ReadonlyMap<string, Listing>,
    keyring: Seals,
  ) {
    super(version, actor, endpoint, listings, keyring);
    this.#smart = isTooMuch(this) ? this.#makeSmart() : null;
  }

  #makeSmart(): SmartList {
    const behind = behindOf(this);
    const pinned = pinnedOf(this);
    const shown = [...pinned].map(([exposed, item]) => this.shown('name', exposed, item));
    const tools = [...metaTools(behind), ...shown];
    const page = Buffer.from(JSON.stringify({ tools }));
    const inWords = behindInWords(behind);
    const instructions =
      pinned.size === 0
        ? `Behind this endpoint are ${inWords}. Find the right one with search_tools, one need at a time, and run it with call_tool.`
        : `Behind this endpoint are ${inWords}; some of them are listed. Where none of these fits, find the right one with search_tools, one need at a time, and run it with call_tool.`;
    const digest = createHash('sha256').update(page).digest('base64url');
    return { digest, page, instructions, pinned, tokens: tokensOfTools(tools) };
  }

  override get isSmart(): boolean {
    return this.#smart !== null;
  }

  override isListed(name: string): boolean {
    return this.#smart ? this.#smart.pinned.has(name) : super.isListed(name);
  }

  /** What this list takes of a model's context, and what that of all tools would take; as estimated. Null for a whole list. */
  tokens(): { shownTokens: number; fullTokens: number } | null {
    return this.#smart && { shownTokens: this.#smart.tokens, fullTokens: tokensOfAll(this) };
  }

  override digest(kind: ListKind): string {
    return kind === 'tools' && this.#smart ? this.#smart.digest : super.digest(kind);
  }

  override page(kind: ListKind, cursor: unknown): Buffer {
    if (kind !== 'tools' || !this.#smart) return super.page(kind, cursor);
    if (cursor === undefined) return this.#smart.page;
    throw new HubError('INVALID_INPUT', 'This cursor is not valid (any more): list again from the start.');
  }

  override about(): ReturnType<View['about']> {
    return this.#smart ? { ...super.about(), instructions: this.#smart.instructions } : super.about();
  }
}

function isTooMuch(view: View): boolean {
  const { mode, maxTools, maxTokens } = view.endpoint.toolList;
  return mode === 'smart' || view.tools.size > maxTools || tokensOfAll(view) > maxTokens;
}
