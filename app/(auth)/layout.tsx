// The frame of the pages before somebody is signed in.
import type { ReactNode } from 'react';
import { Logo } from '../_ui/shell/logo';

export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center px-4 py-12">
      <p className="mb-6 flex items-center gap-2 text-section">
        <Logo />
        MCPHub
      </p>
      {children}
    </main>
  );
}
