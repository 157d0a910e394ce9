// What a page of the dashboard may load and run. Answers that are no pages: lib/security-headers.ts.

/** React's development build evaluates strings, and its overlay brings styles; the production build does neither. */
const isDevelopment = process.env.NODE_ENV === 'development';

/**
 * The style elements that sonner makes when it loads, to which it can give no nonce: first an empty one, then its style
 * sheet. tests/unit/app/_server/page-policy.test.ts compares them with the package.
 */
export const toastStyles = [
  "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
  "'sha256-StEaX+se6YS7pqjzrzMIA0KaX9zF/8zAhvQXZAe5epY='",
];

/** The policy of one page, whose own scripts and style elements carry the nonce. */
export function contentSecurityPolicy(nonce: string): string {
  const styles = isDevelopment ? "'unsafe-inline'" : `'nonce-${nonce}' ${toastStyles.join(' ')}`;
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${isDevelopment ? " 'unsafe-eval'" : ''}`,
    `style-src 'self' ${styles}`,
    // Components of Radix come from the server with style attributes of their own ("outline:none"). An attribute selects
    // nothing and loads nothing that the other directives would not stop.
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}
