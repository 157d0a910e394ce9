import { SearchX } from 'lucide-react';
import Link from 'next/link';
import { buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';

export default function NotFound() {
  return (
    <EmptyState
      Icon={SearchX}
      title="There is no such thing here, or it is not yours to see"
      actions={
        <Link href="/" className={buttonClass('secondary')}>
          To the overview
        </Link>
      }
    >
      It may have been removed or renamed, or your rights may have changed.
    </EmptyState>
  );
}
