// JSON as people write it into files: comments and trailing commas are tolerated, and every fault has a place.
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';

export interface Place {
  /** From 1. */
  line: number;
  /** From 1, in characters. */
  column: number;
}

export interface JsonFault extends Place {
  /** What is wrong there, e.g. "a comma is missing". */
  detail: string;
  offset: number;
}

export type { Node } from 'jsonc-parser';
export { getNodeValue };

/** @returns the tree, and the first fault; with a fault the tree is a guess and good for naming the spot only */
export function parseJsonText(text: string): { root: Node | undefined; fault: JsonFault | null } {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  const [first] = errors;
  if (!first) return { root, fault: null };
  const detail = sentences[printParseErrorCode(first.error)] ?? 'this is not valid JSON';
  return { root, fault: { detail, offset: first.offset, ...placeOf(text, first.offset) } };
}

const sentences: Partial<Record<ReturnType<typeof printParseErrorCode>, string>> = {
  InvalidSymbol: 'unexpected word or sign',
  InvalidNumberFormat: 'this is not a valid number',
  PropertyNameExpected: 'a name in double quotes is expected',
  ValueExpected: 'a value is expected',
  ColonExpected: 'a colon is missing',
  CommaExpected: 'a comma is missing',
  CloseBraceExpected: 'a closing brace "}" is missing',
  CloseBracketExpected: 'a closing bracket "]" is missing',
  EndOfFileExpected: 'the text should end here',
  UnexpectedEndOfComment: 'a comment is not closed',
  UnexpectedEndOfString: 'a closing quote is missing',
  UnexpectedEndOfNumber: 'this number is not complete',
  InvalidEscapeCharacter: 'this escape sequence is not valid (write a backslash as "\\\\")',
  InvalidCharacter: 'this character must be escaped inside a string',
};

export function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** Widest excerpt, in characters. */
const excerptWidth = 100;

/** The line of a fault with a caret under the spot. */
export function excerptOf(text: string, { line, column }: Place): string {
  const whole = (text.split(/\r\n|\r|\n/)[line - 1] ?? '').replaceAll('\t', ' ');
  const from = Math.max(0, column - 1 - excerptWidth / 2);
  const shown = whole.slice(from, from + excerptWidth);
  return `${shown}\n${' '.repeat(column - 1 - from)}^`;
}

/** Members of an object node in order, those that are complete. */
export function membersOf(node: Node | undefined): { key: string; keyNode: Node; value: Node }[] {
  if (node?.type !== 'object') return [];
  return (node.children ?? []).flatMap((property) => {
    const [keyNode, value] = property.children ?? [];
    return keyNode && value ? [{ key: String(keyNode.value), keyNode, value }] : [];
  });
}

/** The value at a path of object keys. */
export function nodeAt(node: Node | undefined, path: readonly string[]): Node | undefined {
  return path.reduce<Node | undefined>(
    (inner, key) => membersOf(inner).findLast((member) => member.key === key)?.value,
    node,
  );
}
