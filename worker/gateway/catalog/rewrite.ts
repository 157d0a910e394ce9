// Maps the URIs in a server's results and questions to those of the endpoint, where they may clash with another server's.
// Only the places where the protocol puts one are looked at: never text, arguments or structuredContent.
import { mapAppUris, type Target, type View } from './view';

type MapUri = (uri: string) => string;

const mappedBytes = ['"uri"', '"resourceUri"', '"ui/resourceUri"'].map((text) => Buffer.from(text));

/** Whether these bytes can hold a URI to map at all; most answers do not and are passed on unparsed. */
export function mayHoldUris(raw: Buffer | null): boolean {
  return raw === null || mappedBytes.some((text) => raw.includes(text));
}

/** A copy of the result of tools/call, prompts/get or resources/read with its URIs mapped. */
export function mapResultUris(result: unknown, map: MapUri): unknown {
  if (!isObject(result)) return result;
  const mapped: Record<string, unknown> = { ...result };
  if (Array.isArray(mapped.content)) mapped.content = mapped.content.map((block) => mapBlock(block, map));
  if (Array.isArray(mapped.contents)) mapped.contents = mapped.contents.map((part) => mapOwnUri(part, map));
  if (Array.isArray(mapped.messages)) mapped.messages = mapMessages(mapped.messages, map);
  if (isObject(mapped.inputRequests)) {
    const requests = Object.entries(mapped.inputRequests).map(([key, wish]) => [key, mapWish(wish, map)]);
    mapped.inputRequests = Object.fromEntries(requests);
  }
  return mapAppUris(mapped, map);
}

/** The params of a server's question with its URIs mapped; only sampling has any. @param target what was called */
export function mapQuestionUris(
  method: string,
  params: Record<string, unknown> | undefined,
  view: View,
  target: Target | null,
): Record<string, unknown> | undefined {
  if (method !== 'sampling/createMessage' || !Array.isArray(params?.messages) || !target || !view.mapsUris())
    return params;
  return { ...params, messages: mapMessages(params.messages, (uri) => view.uriOut(target.server, uri)) };
}

/** An entry of `inputRequests` (basic/patterns/mrtr, 2026-07-28). */
function mapWish(wish: unknown, map: MapUri): unknown {
  if (!isObject(wish) || wish.method !== 'sampling/createMessage' || !isObject(wish.params)) return wish;
  const { messages } = wish.params;
  return Array.isArray(messages) ? { ...wish, params: { ...wish.params, messages: mapMessages(messages, map) } } : wish;
}

function mapMessages(messages: unknown[], map: MapUri): unknown[] {
  return messages.map((message) => {
    if (!isObject(message)) return message;
    const { content } = message;
    const blocks = Array.isArray(content) ? content.map((block) => mapBlock(block, map)) : mapBlock(content, map);
    return { ...message, content: blocks };
  });
}

function mapBlock(block: unknown, map: MapUri): unknown {
  if (!isObject(block)) return block;
  if (block.type === 'resource_link') return mapOwnUri(block, map);
  if (block.type === 'resource') return { ...block, resource: mapOwnUri(block.resource, map) };
  if (block.type === 'tool_result' && Array.isArray(block.content)) {
    return { ...block, content: block.content.map((part) => mapBlock(part, map)) };
  }
  return block;
}

function mapOwnUri(value: unknown, map: MapUri): unknown {
  return isObject(value) && typeof value.uri === 'string' ? { ...value, uri: map(value.uri) } : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
