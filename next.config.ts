import type { NextConfig } from 'next';

/** Headers of every answer, static files included; the Content-Security-Policy is per request and in proxy.ts. */
const headers = [
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'X-Frame-Options', value: 'DENY' },
  { key: 'Referrer-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
  { key: 'Permissions-Policy', value: 'camera=(), geolocation=(), microphone=(), payment=(), usb=()' },
];

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // Types are held by `npm run check` and `npm test`; a fault in a test file must keep nobody from starting the hub.
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: import.meta.dirname },
  // Native code, or drivers that load parts of themselves at run time: they stay in node_modules.
  serverExternalPackages: ['@node-rs/argon2', 'ioredis', 'pino', 'postgres'],
  headers: async () => [{ source: '/:path*', headers }],
};

export default config;
