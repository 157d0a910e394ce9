import type { NextConfig } from 'next';
import { basePathOf } from './lib/base-path';
import { apiHeaders, webHeaders } from './lib/security-headers';

/** Next puts the path into what it builds, so below a path there is a build for it (scripts/prepare.mjs). */
const basePath = basePathOf(process.env.MCPHUB_PUBLIC_URL);

const config: NextConfig = {
  ...(basePath && { basePath, distDir: '.next-below' }),
  env: { MCPHUB_BASE_PATH: basePath },
  ...(process.env.MCPHUB_QUICK_BUILD && { experimental: { turbopackMinify: false, turbopackSourceMaps: false } }),
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
