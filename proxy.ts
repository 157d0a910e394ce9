// Runs before every page: gives it a script nonce, its path and a request id. It is no lock and asks no rights; every
// page, action and route does that itself.
import { type NextRequest, NextResponse } from 'next/server';
import { requestIdOf } from '@/app/_server/visitor';

/** React's development build evaluates strings; the production build does not. */
const evalInDevelopment = process.env.NODE_ENV === 'development' ? " 'unsafe-eval'" : '';

function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${evalInDevelopment}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export function proxy(request: NextRequest): NextResponse {
  const nonce = btoa(crypto.randomUUID());
  const policy = contentSecurityPolicy(nonce);
  const requestId = requestIdOf(request.headers);
  const headers = new Headers(request.headers);
  // Next reads the nonce from the policy of the request and puts it on its own scripts.
  headers.set('content-security-policy', policy);
  headers.set('x-nonce', nonce);
  headers.set('x-request-id', requestId);
  headers.set('x-mcphub-path', `${request.nextUrl.pathname}${request.nextUrl.search}`);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('content-security-policy', policy);
  response.headers.set('x-request-id', requestId);
  return response;
}

/** Pages only: REST answers set their own headers, and files need no nonce. */
export const config = { matcher: ['/((?!api/|_next/static|_next/image|favicon.ico).*)'] };
