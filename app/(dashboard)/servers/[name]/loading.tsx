import { Skeleton } from '@/app/_ui/skeleton';

export default function Loading() {
  return (
    <div role="status" aria-label="Loading">
      <div className="flex h-12 items-start justify-between">
        <Skeleton className="h-7 w-48" />
        <Skeleton className="h-8 w-28" />
      </div>
      <div className="mt-2 h-9 border-b border-border" />
      <Skeleton className="mt-4 h-32 w-full" />
      <Skeleton className="mt-4 h-48 w-full" />
    </div>
  );
}
