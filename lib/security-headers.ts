// Headers by which a browser keeps to what the hub means, on every answer but those of MCP, whose clients are programs.
// The Content-Security-Policy of pages is made for each request, with its nonce, in proxy.ts.

/** For answers that are no page: nothing in them is loaded or run, whatever a browser takes them for. */
const nothingPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const common: [name: string, value: string][] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  [
    'Permissions-Policy',
    'camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()',
  ],
];

/** Of every answer of the web program, files too. */
export const webHeaders = common.map(([key, value]) => ({ key, value }));
/** Of its answers below /api. */
export const apiHeaders = [{ key: 'Content-Security-Policy', value: nothingPolicy }];

/**
 * What the door puts on an answer unless its writer says otherwise.
 * @param isHttps whether browsers see the hub by https: then they shall never try http again for a year
 */
export function doorHeaders(isHttps: boolean): [name: string, value: string][] {
  const secure: [string, string][] = isHttps ? [['Strict-Transport-Security', 'max-age=31536000']] : [];
  return [...common, ['Content-Security-Policy', nothingPolicy], ...secure];
}
