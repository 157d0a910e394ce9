// Runs before every page: gives it a script nonce, its path and a request id. It is no lock and asks no rights; every
// page, action and route does that itself.
import { type NextRequest, NextResponse } from 'next/server';
import { contentSecurityPolicy } from '@/app/_server/page-policy';
import { requestIdOf } from '@/app/_server/visitor';

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

/** Pages only: REST answers set their own headers, and files need no nonce. Below a path the root has no slash of its own. */
export const config = { matcher: ['/', '/((?!api/|_next/static|_next/image|favicon.ico).*)'] };
