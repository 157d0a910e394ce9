// What of the hub asks for no key, said as long as it is so.
import Link from 'next/link';
import { Notice } from '@/app/_ui/notice';
import type { OpenEndpoint } from '@/lib/servers/schema';

export function OpenNotice({ open }: { open: readonly OpenEndpoint[] }) {
  return (
    <Notice
      className="mb-4"
      tone="warn"
      title="Open to everybody, without a key:"
      hint={
        <ul className="flex flex-wrap gap-x-4">
          {open.map(({ kind, name }) => (
            <li key={`${kind} ${name}`}>
              {kind}{' '}
              <Link
                href={
                  kind === 'server'
                    ? `/servers/${encodeURIComponent(name)}?tab=config`
                    : `/groups/${encodeURIComponent(name)}`
                }
                className="font-medium underline"
              >
                {name}
              </Link>
            </li>
          ))}
        </ul>
      }
    />
  );
}
