import type { NextConfig } from 'next';
import { apiHeaders, webHeaders } from './lib/security-headers';

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // Types are held by `npm run check` and `npm test`; a fault in a test file must keep nobody from starting the hub.
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: import.meta.dirname },
  // Native code, or drivers that load parts of themselves at run time: they stay in node_modules.
  serverExternalPackages: ['@node-rs/argon2', 'ioredis', 'pino', 'postgres'],
  headers: async () => [
    { source: '/:path*', headers: webHeaders },
    { source: '/api/:path*', headers: apiHeaders },
  ],
};

export default config;
