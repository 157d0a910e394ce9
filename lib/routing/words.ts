// From text to the terms that requests and tools are compared by.
import { stemmer } from 'stemmer';

/** Words that say nothing of what is wanted. */
const stopWords = new Set(
  (
    'a an the and or but if then else of at by for with about against between into through during before after above ' +
    'below to from up down in out on off over under again further once here there when where why how all any both each ' +
    'few more most other some such no nor not only own same so than too very s t can will just don should now i me my ' +
    'myself we our ours ourselves you your yours yourself he him his himself she her hers it its itself they them their ' +
    'theirs what which who whom this that these those am is are was were be been being have has had having do does did ' +
    'doing would could ought might must shall may as because until while also us let lets im ive id ill dont didnt ' +
    'doesnt isnt arent wont cant couldnt wouldnt theres thats whats heres via per etc e g vs pm'
  ).split(' '),
);

/** Words by which people ask for anything at all. They count less, since some tools are about just these. */
const requestWords = new Set(
  (
    'please help need want wish like looking look provide give tell show get find fetch retrieve return know assist able ' +
    'recommend suggest suggestions suggestion interested planning plan trying try using use used make sure available ' +
    'possible specific various different multiple many much lot information info details detail data additionally ' +
    'furthermore moreover finally lastly first second third one two three new best good great interesting currently ' +
    'kind type thing things something anything someone way ways wants wanted going go started start related based ' +
    'including include includes along well order friend friends family company project working'
  ).split(' '),
);

const scriptsWithoutSpaces = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;

/** The words of a text in lower case; parts of camelCase, snake_case and digits are words of their own. */
export function wordsOf(text: string): string[] {
  const spaced = text
    .normalize('NFKC')
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, '$1 $2')
    .replace(/['’]s\b/g, '')
    .replace(/['’]/g, '');
  return spaced.toLowerCase().match(/[\p{L}\p{M}]+|\p{N}+/gu) ?? [];
}

/** The term of a word: its stem. What is no English passes nearly unchanged. */
export function stemOf(word: string): string {
  return word.length > 2 ? stemmer(word) : word;
}

const requestTerms = new Set([...requestWords].map(stemOf));

export function isRequestTerm(term: string): boolean {
  return requestTerms.has(term);
}

/** Terms in the order of the text, with the word that each was; scripts without spaces give pairs of characters. */
export function termsOf(text: string): { term: string; word: string }[] {
  return wordsOf(text).flatMap((word) => {
    if (scriptsWithoutSpaces.test(word)) return pairsOf(word).map((pair) => ({ term: pair, word: pair }));
    return stopWords.has(word) ? [] : [{ term: stemOf(word), word }];
  });
}

function pairsOf(word: string): string[] {
  const characters = [...word];
  if (characters.length < 2) return characters;
  return characters.slice(1).map((character, at) => `${characters[at]}${character}`);
}

const gramLength = 4;

/** Overlapping pieces of a text's words, by which a word with a slip of the pen is still found. */
export function gramsOf(text: string): Set<string> {
  const grams = new Set<string>();
  for (const word of wordsOf(text)) {
    if (stopWords.has(word)) continue;
    const bounded = `_${word}_`;
    for (let at = 0; at + gramLength <= bounded.length; at++) grams.add(bounded.slice(at, at + gramLength));
  }
  return grams;
}

/** Words of a request that are worth being looked for in pieces. */
export function mayBeMisspelt(word: string): boolean {
  return word.length >= 4 && !stopWords.has(word) && !requestWords.has(word);
}

/** One text for all spellings of a name: `getUser`, `get_user` and `Get user` are the same. */
export function nameKeyOf(name: string): string {
  return wordsOf(name).join('');
}
