// An answer of an API → the result of its tool (server/tools, "Tool Result").
import type { HttpAnswer } from './client';
import { isObject } from './model';

const errorChars = 16_000;
/** Headers that help whoever gets an error. */
const telling = ['retry-after', 'www-authenticate', 'location', 'x-request-id', 'request-id', 'deprecation', 'sunset'];
/** Where status and waiting time of an answer are told to programs. */
const httpKey = 'mcphub/http';
const retryMaxMs = 24 * 3_600_000;

export interface ToolResult {
  content: Record<string, unknown>[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  _meta?: Record<string, unknown>;
}

export interface ResultOptions {
  /** Whether the value has the form that the tool promises; absent where it promises none. */
  fits?: ((value: unknown) => boolean) | undefined;
  /** Address of the request without its query, which may hold a key. */
  uri: string;
}

export function resultOf(answer: HttpAnswer, { fits, uri }: ResultOptions): ToolResult {
  const { status, headers, body, refusedRedirect } = answer;
  if (refusedRedirect !== null) {
    return failed(answer, `It leads to ${refusedRedirect}: only redirects on the same origin are followed.`);
  }
  if (status >= 400 || status < 200) return failed(answer, errorText(answer));
  const type = mediaTypeOf(headers['content-type']);
  if (body.length === 0) {
    const text = `HTTP ${status}, without content.`;
    return { content: [{ type: 'text', text }], ...(fits && { structuredContent: {} }) };
  }
  if (isJson(type)) return jsonResult(answer, fits);
  const content = contentOf(answer, type, uri);
  if (!fits) return { content: [content] };
  return unlikeDocument([content], status);
}

function jsonResult({ body, headers, status }: HttpAnswer, fits: ResultOptions['fits']): ToolResult {
  const text = decode(body, headers['content-type']);
  const content = [{ type: 'text', text }];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fits ? unlikeDocument(content, status) : { content };
  }
  if (!isObject(value)) return fits ? unlikeDocument(content, status) : { content };
  if (fits && !fits(value)) return unlikeDocument(content, status);
  return { content, structuredContent: value };
}

/** Clients refuse results that break the promised form; as an error the answer reaches the model all the same. */
function unlikeDocument(content: Record<string, unknown>[], status: number): ToolResult {
  const text =
    `The API carried the call out (HTTP ${status}), but its answer does not have the form that its document ` +
    'promises. This is the answer:';
  return { content: [{ type: 'text', text }, ...content], isError: true };
}

function contentOf({ body, headers }: HttpAnswer, mimeType: string, uri: string): Record<string, unknown> {
  if (isText(mimeType)) return { type: 'text', text: decode(body, headers['content-type']) };
  const data = body.toString('base64');
  if (mimeType.startsWith('image/')) return { type: 'image', data, mimeType };
  if (mimeType.startsWith('audio/')) return { type: 'audio', data, mimeType };
  return { type: 'resource', resource: { uri, mimeType: mimeType || 'application/octet-stream', blob: data } };
}

function failed({ status, headers }: HttpAnswer, text: string): ToolResult {
  const wait = retryAfterMs(headers['retry-after']);
  const shown = telling.filter((name) => headers[name] !== undefined).map((name) => `${name}: ${headers[name]}`);
  const head = [`HTTP ${status}`, ...shown.map((line) => line.slice(0, 500))].join('\n');
  return {
    content: [{ type: 'text', text: text ? `${head}\n\n${text}` : head }],
    isError: true,
    _meta: { [httpKey]: { status, ...(wait !== null && { retryable: true, retryAfterMs: wait }) } },
  };
}

/** Pages for people become their text; what is not text is only named. */
function errorText({ body, headers }: HttpAnswer): string {
  const type = mediaTypeOf(headers['content-type']);
  if (body.length === 0) return '';
  if (!isJson(type) && !isText(type)) return `(${body.length} bytes of ${type || 'unknown content'})`;
  const text = decode(body.subarray(0, errorChars * 4), headers['content-type']);
  const plain = type.includes('html') ? withoutTags(text) : text;
  return plain.length <= errorChars ? plain : `${plain.slice(0, errorChars)}…`;
}

/** Scans once: patterns over a page of somebody else could take very long. */
function withoutTags(html: string): string {
  const parts: string[] = [];
  const lower = html.toLowerCase();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open === -1) break;
    parts.push(html.slice(at, open));
    const hidden = /^<(script|style|svg|head)\b/i.exec(html.slice(open, open + 8))?.[1];
    const end = hidden ? lower.indexOf(`</${hidden.toLowerCase()}`, open) : open;
    const close = end === -1 ? -1 : html.indexOf('>', end);
    at = close === -1 ? html.length : close + 1;
  }
  parts.push(html.slice(at));
  return parts.join(' ').replace(/\s+/g, ' ').trim().slice(0, 2_000);
}

/** Seconds or a date (RFC 9110 §10.2.3). */
export function retryAfterMs(text: string | undefined): number | null {
  if (text === undefined) return null;
  const waitMs = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), retryMaxMs) : null;
}

function mediaTypeOf(header: string | undefined): string {
  return (header?.split(';')[0] ?? '').trim().toLowerCase();
}

function isJson(type: string): boolean {
  return /^[\w.+-]+\/([\w.-]+\+)?json$/.test(type);
}

function isText(type: string): boolean {
  return (
    type.startsWith('text/') ||
    /[/+](xml|yaml|x-yaml|csv|html)$/.test(type) ||
    /^application\/(x-www-form-urlencoded|javascript|graphql|x-ndjson|jsonl|json-seq|sql|toml)$/.test(type)
  );
}

function decode(body: Buffer, contentType: string | undefined): string {
  const charset = /charset="?([\w.:-]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return body.toString('utf8');
  }
}
