// What a request asks for: its terms with their weights, whole and by its parts.
import { isRequestTerm, mayBeMisspelt, termsOf, wordsOf } from './words';

export interface WantedTerm {
  term: string;
  /** As it was written. */
  word: string;
  weight: number;
}

/** A request, or a part of it that asks for one thing. */
export interface Need {
  terms: WantedTerm[];
  /** Words to look for in pieces. */
  words: string[];
}

export interface ToolRequest {
  whole: Need;
  /** Where it asks for several things: each of them. Else empty. */
  parts: Need[];
  /** Names of tools that it may consist of or hold, by `nameKeyOf`'s rule. */
  names: { whole: string; within: string[] };
}

const maxTerms = 256;
const maxParts = 16;
const requestWordWeight = 0.7;
/** What stands in quotation marks is mostly a value for the tool, and no word about it. */
const quotedWeight = 0.5;

const quoted = /(?<![\p{L}\p{N}])['"“‘]([^'"”’]{1,60})['"”’](?![\p{L}\p{N}])/gu;
const betweenParts = /[.?!;\n。？！；]+|,? (?:and|also|then) /i;
/** Such as get_user, get-user, server/tool or getUser. */
const identifier = /[\p{L}\p{N}]+(?:[_\-./]+[\p{L}\p{N}]+)+|\p{Ll}+(?:\p{Lu}[\p{L}\p{N}]*)+/gu;

export function readRequest(text: string): ToolRequest {
  const parts = text.split(betweenParts).filter((part) => termsOf(part).length > 1);
  return {
    whole: needOf(text),
    parts: parts.length > 1 ? parts.slice(0, maxParts).map(needOf) : [],
    names: { whole: wordsOf(text).join(''), within: (text.match(identifier) ?? []).slice(0, maxParts) },
  };
}

function needOf(text: string): Need {
  const values = new Set<string>();
  for (const [, value = ''] of text.matchAll(quoted)) for (const { term } of termsOf(value)) values.add(term);
  const counts = new Map<string, { word: string; count: number }>();
  for (const { term, word } of termsOf(text)) {
    const known = counts.get(term);
    if (known) known.count++;
    else if (counts.size < maxTerms) counts.set(term, { word, count: 1 });
  }
  const terms = [...counts].map(([term, { word, count }]) => {
    const ofRequest = isRequestTerm(term) ? requestWordWeight : 1;
    return { term, word, weight: (1 + Math.log(count)) * ofRequest * (values.has(term) ? quotedWeight : 1) };
  });
  return { terms, words: [...new Set(wordsOf(text))].filter(mayBeMisspelt).slice(0, maxTerms) };
}
