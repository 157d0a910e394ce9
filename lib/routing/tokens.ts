// How much of a model's context a tool takes. An estimate: each model counts in its own way, and no tokenizer is asked.
// Safe in a browser.

/** Letters for which models have fewer words: Chinese, Japanese, Korean and what comes after them in Unicode. */
const denseFrom = 0x2e80;

/** What a model reads of a tool. */
export interface ReadableTool {
  name?: unknown;
  description?: unknown;
  inputSchema?: unknown;
}

/** Definitions live as long as a server lists them, so each is counted once. */
const known = new WeakMap<object, number>();

/**
 * Tokens of a tool in a model's context, about: name, description and input schema as JSON, at four characters for a token,
 * and three tokens for four characters of Chinese, Japanese and Korean. Against OpenAI's o200k over 2,700 public tools that
 * is 12 % too much in sum, and for nine tools in ten between 2 % too little and 29 % too much; other models differ
 * from it.
 */
export function tokensOfTool(tool: ReadableTool): number {
  const counted = known.get(tool);
  if (counted !== undefined) return counted;
  const { name, description, inputSchema } = tool;
  const tokens = tokensOfText(JSON.stringify({ name, description, input_schema: inputSchema }));
  known.set(tool, tokens);
  return tokens;
}

/** Of all of them together. */
export function tokensOfTools(tools: Iterable<ReadableTool>): number {
  let sum = 0;
  for (const tool of tools) sum += tokensOfTool(tool);
  return sum;
}

/** As tokensOfTool, of a text. */
export function tokensOfText(text: string): number {
  let quarters = text.length;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= denseFrom) quarters += 2;
  return Math.ceil(quarters / 4);
}
