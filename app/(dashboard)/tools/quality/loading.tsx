import { TablePageSkeleton } from '@/app/_ui/skeleton';

export default function Loading() {
  return <TablePageSkeleton />;
}
