// Loaded into the programs of a hub (NODE_OPTIONS=--require): what they ask of https://accounts.google.com is asked of the
// stand-in whose address is in MCPHUB_DATA_DIR/google-stand-in, and which is told under which name.
const { readFileSync } = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { join } = require('node:path');

const host = 'accounts.google.com';
const { request } = https;
https.request = (target, options, ...rest) => {
  const url = new URL(target instanceof URL || typeof target === 'string' ? target : 'https://elsewhere.invalid');
  if (url.host !== host) return request(target, options, ...rest);
  const headers = { ...options.headers, 'x-forwarded-host': host, 'x-forwarded-proto': 'https' };
  const standIn = readFileSync(join(process.env.MCPHUB_DATA_DIR, 'google-stand-in'), 'utf8');
  const address = new URL(url.pathname + url.search, standIn);
  return http.request(address, { ...options, headers, agent: undefined }, ...rest);
};
