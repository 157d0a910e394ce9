// What a model reads of a tool to make a vector of it, and the key under which that vector is kept.
import { createHash } from 'node:crypto';
import type { IndexedTool } from './tool-index';

/** Some 1,000 tokens: models for embeddings read from 512 on, and what a tool is about stands at the beginning. */
const maxChars = 4_000;
const descriptionChars = 2_000;
const requestChars = 2_000;

export function textOfTool({ server, name, title, description, parameters }: IndexedTool): string {
  const lines = [
    title && title !== name ? `${server}: ${name} (${title})` : `${server}: ${name}`,
    description.slice(0, descriptionChars),
    ...parameters.map((each) => (each.description ? `${each.name}: ${each.description}` : each.name)),
  ];
  return cut(lines.filter(Boolean).join('\n'), maxChars);
}

export function textOfRequest(query: string): string {
  return cut(query.replace(/\s+/g, ' ').trim(), requestChars);
}

/** SHA-256 (hex) over a model and what it reads: equal texts have one vector, a changed one has none yet. */
export function vectorKey(model: string, text: string): string {
  return createHash('sha256').update(`${model}\n${text}`).digest('hex');
}

/** Half a surrogate pair is no text that a service would take. */
function cut(text: string, chars: number): string {
  return text.slice(0, chars).replace(/\p{Surrogate}/gu, '\ufffd');
}
