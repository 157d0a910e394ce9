import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy, toastStyles } from '../../../../app/_server/page-policy';

const hashed = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('the policy of pages', () => {
  it('lets the style sheet of the installed sonner pass, and no other', () => {
    const code = readFileSync(join(process.cwd(), 'node_modules/sonner/dist/index.mjs'), 'utf8');
    const sheets = [...code.matchAll(/__insertCSS\(("(?:[^"\\]|\\.)*")\)/g)].map(([, text = '']) => JSON.parse(text));
    expect(sheets).toHaveLength(1);
    expect(toastStyles).toEqual(['', ...sheets].map(hashed));
  });

  it('lets no script run that does not carry the nonce [T-XSS-01]', () => {
    const policy = contentSecurityPolicy('abc').split('; ');
    expect(policy.find((each) => each.startsWith('script-src'))).toBe("script-src 'self' 'nonce-abc' 'strict-dynamic'");
    expect(policy.find((each) => each.startsWith('style-src '))).not.toContain('unsafe');
  });
});
