// What a browser sees of a request for authorization that leads nowhere: it is not sent on, because nobody knows whether
// the address that it names belongs to the client.
import { createHash } from 'node:crypto';

const style =
  ':root{color-scheme:light dark;--bg:#fafbfc;--fg:#16181d;--muted:#5b6270;--line:#e2e5ea}' +
  '@media(prefers-color-scheme:dark){:root{--bg:#0d0f12;--fg:#e8eaee;--muted:#9aa2b1;--line:#262b33}}' +
  'body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}' +
  'main{max-width:24rem;margin:0 auto;min-height:100dvh;padding:0 1rem;display:flex;flex-direction:column;justify-content:center}' +
  'h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:0 0 .75rem;color:var(--muted);overflow-wrap:anywhere}' +
  'code{font:12px ui-monospace,monospace;border-top:1px solid var(--line);padding-top:.75rem;color:var(--muted)}';

/** For this page alone: its style and nothing else. */
export const errorPagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

const texts: Record<string, string> = {
  invalid_redirect_uri:
    'The program that sent you here named an address for the answer that it did not register. For your safety the answer is not sent there.',
  invalid_client:
    'The program that sent you here is not known to this hub. Connect it anew, so that it registers again.',
  session_not_found: 'This request has expired, or it began in another browser. Begin again in the program.',
  server_error: 'The hub could not answer. Try again in a moment.',
};

/** @param code the error of OAuth; @param description goes to developers, escaped */
export function errorPage(code: string, description = ''): string {
  const text = texts[code] ?? 'The program that sent you here asked for something that this hub cannot do.';
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<title>Not connected · MCPHub</title><style>${style}</style>` +
    `<main><h1>Not connected</h1><p>${escaped(text)}</p><code>${escaped([code, description].filter(Boolean).join(': '))}</code></main></html>`
  );
}

function escaped(text: string): string {
  return text.slice(0, 500).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
