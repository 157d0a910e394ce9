// Servers given as a line: a URL, a `claude mcp add …` (or `codex mcp add`, `gemini mcp add`) command, or the command
// that starts the server itself. Nothing is ever run or expanded here.

export interface ReadLine {
  /** For people. */
  title: string;
  /** Null: to be made from the command or the URL. */
  name: string;
  entry: Record<string, unknown>;
}

/** @returns undefined when the text is no such line */
export function readLine(text: string): ReadLine | undefined {
  const line = text.trim().replace(/^\$ /, '');
  if (/^https?:\/\/\S+$/i.test(line)) return URL.canParse(line) ? ofUrl(line) : undefined;
  if (line.startsWith('{') || line.startsWith('[')) return undefined;
  const words = splitWords(line);
  const [program, mcp, add] = words;
  if (mcp === 'mcp' && add === 'add') return ofAddCommand(`${program} mcp add`, words.slice(3));
  if (mcp === 'mcp' && add === 'add-json') return ofAddJson(`${program} mcp add-json`, words.slice(3));
  return ofCommand(words);
}

function ofUrl(url: string): ReadLine {
  return { title: 'a URL', name: nameOfUrl(url), entry: { url } };
}

function nameOfUrl(url: string): string {
  const { hostname } = new URL(url);
  if (/^[\d.]+$|^\[/.test(hostname)) return 'server';
  const labels = hostname.split('.');
  const telling = labels.slice(0, -1).filter((label) => !['www', 'mcp', 'api'].includes(label));
  return telling.at(-1) ?? labels[0] ?? 'server';
}

/** Flags with a value, as the clients' command lines have them. */
const valueFlags: Record<string, 'transport' | 'env' | 'header' | 'ignored' | 'url'> = {
  '-t': 'transport',
  '--transport': 'transport',
  '-e': 'env',
  '--env': 'env',
  '-H': 'header',
  '--header': 'header',
  '--url': 'url',
  '-s': 'ignored',
  '--scope': 'ignored',
  '--client-id': 'ignored',
  '--callback-port': 'ignored',
};

function ofAddCommand(title: string, words: string[]): ReadLine | undefined {
  const env: Record<string, string> = {};
  const headers: Record<string, string> = {};
  const plain: string[] = [];
  let transport: string | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') {
      plain.push(...words.slice(index + 1));
      break;
    }
    // Once the server's own command has begun, flags belong to it.
    if (plain.length >= 2 && transport === undefined && !(word in valueFlags)) {
      plain.push(word);
      continue;
    }
    const [flag = '', inline] = word.startsWith('--') && word.includes('=') ? splitOnce(word, '=') : [word, undefined];
    const kind = Object.hasOwn(valueFlags, flag) ? valueFlags[flag] : undefined;
    if (kind === undefined) {
      if (!word.startsWith('-')) plain.push(word);
      continue;
    }
    const value = inline ?? words[++index] ?? '';
    if (kind === 'transport') transport = value;
    if (kind === 'url') plain.push(value);
    if (kind === 'env') env[splitOnce(value, '=')[0]] = splitOnce(value, '=')[1];
    if (kind === 'header') headers[splitOnce(value, ':')[0].trim()] = splitOnce(value, ':')[1].trim();
  }
  const [name, target, ...args] = plain;
  if (name === undefined || target === undefined) return undefined;
  const isRemote = /^https?:\/\//i.test(target);
  const entry = isRemote ? { url: target, headers } : { command: target, args, env };
  return { title, name, entry: { ...entry, ...(transport && { type: transport }) } };
}

function ofAddJson(title: string, words: string[]): ReadLine | undefined {
  const [name, json] = words.filter(
    (word, index) => !word.startsWith('-') && !(words[index - 1] ?? '').startsWith('-'),
  );
  try {
    const entry: unknown = JSON.parse(json ?? '');
    if (name !== undefined && typeof entry === 'object' && entry !== null) {
      return { title, name, entry: entry as Record<string, unknown> };
    }
  } catch {
    // Falls through: not such a line.
  }
  return undefined;
}

const launchers = [
  'npx',
  'uvx',
  'bunx',
  'pnpx',
  'pnpm',
  'docker',
  'podman',
  'node',
  'deno',
  'bun',
  'python',
  'python3',
  'uv',
  'pipx',
];

function ofCommand(words: string[]): ReadLine | undefined {
  const first = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
  const [command, ...args] = words.slice(Math.max(first, 0));
  const base = command?.split('/').at(-1) ?? '';
  if (first < 0 || command === undefined || !(launchers.includes(base) || command.includes('/'))) return undefined;
  const env = Object.fromEntries(words.slice(0, first).map((word) => splitOnce(word, '=')));
  return { title: `a ${base} command`, name: nameOfCommand(base, args), entry: { command, args, env } };
}

/** From the package, image or script that the command runs: `@modelcontextprotocol/server-memory@1` → "memory". */
function nameOfCommand(base: string, args: string[]): string {
  const isContainer = base === 'docker' || base === 'podman';
  const plain = args.filter((word) => !word.startsWith('-') && !['run', 'exec', 'dlx', 'x', 'tool'].includes(word));
  const target =
    (isContainer ? (plain.findLast((word) => /^[\w.-]+\/[\w./-]+(:[\w.-]+)?$/.test(word)) ?? plain[0]) : plain[0]) ??
    base;
  const last =
    target
      .replace(/(?<=.)@[^/@]*$/, '')
      .split('/')
      .at(-1) ?? target;
  const bare = last.replace(/:[\w.-]+$/, '').replace(/\.(m|c)?(js|ts|py)$/, '');
  return bare.replace(/^(mcp-server-|server-|mcp-)/, '').replace(/(-mcp-server|-mcp|-server)$/, '') || bare;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Words as a POSIX shell would split them; `$`, backticks and the like stay plain text. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let index = 0; index < line.length; index++) {
    const char = line[index] as string;
    const next = line[index + 1];
    if (quote === null && char === '\\' && (next === '\n' || next === '\r')) {
      index += next === '\r' && line[index + 2] === '\n' ? 2 : 1;
    } else if (char === '\\' && next !== undefined && (quote === null || (quote === '"' && /["\\$`]/.test(next)))) {
      word = (word ?? '') + next;
      index++;
    } else if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (char === quote) {
      quote = null;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== null) words.push(word);
  return words;
}
