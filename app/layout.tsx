// The document: fonts, theme without flash, and what every page needs around it.
import type { Metadata, Viewport } from 'next';
import localFont from 'next/font/local';
import { headers } from 'next/headers';
import type { ReactNode } from 'react';
import { Providers } from './_ui/providers';
import './globals.css';

const inter = localFont({
  src: './_ui/fonts/inter-latin.woff2',
  variable: '--font-inter',
  weight: '100 900',
  display: 'swap',
});
const jetbrainsMono = localFont({
  src: './_ui/fonts/jetbrains-mono-latin.woff2',
  variable: '--font-jetbrains-mono',
  weight: '100 800',
  display: 'swap',
  preload: false,
});

export const metadata: Metadata = {
  title: { default: 'MCPHub', template: '%s · MCPHub' },
  description: 'One endpoint for all your MCP servers.',
  robots: { index: false, follow: false },
};

export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#fafbfc' },
    { media: '(prefers-color-scheme: dark)', color: '#0d0f12' },
  ],
};

/**
 * Runs before all modules, for two packages that cannot be told by their callers: zod is not to try whether it may
 * evaluate strings, which the policy forbids and browsers report, and what gives scroll locks their style element takes
 * the nonce from this name (react-style-singleton, get-nonce).
 */
const beforeModules =
  'globalThis.__zod_globalConfig={jitless:true};globalThis.__webpack_nonce__=document.currentScript.nonce';

export default async function RootLayout({ children }: { children: ReactNode }) {
  // proxy.ts makes one nonce per request; reading it also keeps every page dynamic, which a nonce needs.
  const nonce = (await headers()).get('x-nonce') ?? undefined;
  return (
    <html lang="en" className={`${inter.variable} ${jetbrainsMono.variable}`} suppressHydrationWarning>
      <head>
        <script nonce={nonce} suppressHydrationWarning>
          {beforeModules}
        </script>
      </head>
      <body className="min-h-dvh">
        <Providers nonce={nonce}>{children}</Providers>
      </body>
    </html>
  );
}
