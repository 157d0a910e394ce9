import Link from 'next/link';
import { buttonClass } from './_ui/button';
import { Logo } from './_ui/shell/logo';

export default function NotFound() {
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center gap-4 px-4">
      <p className="flex items-center gap-2 text-section">
        <Logo />
        MCPHub
      </p>
      <h1 className="text-title">There is no such page</h1>
      <p className="text-body text-muted-foreground">The address is wrong, or what was here is gone.</p>
      <Link href="/" className={buttonClass('secondary', 'md', 'self-start')}>
        To the overview
      </Link>
    </main>
  );
}
