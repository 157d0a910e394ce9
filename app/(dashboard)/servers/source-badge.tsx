import { FileLock } from 'lucide-react';
import { Badge } from '@/app/_ui/badge';
import type { ServerView } from '@/lib/servers/schema';

/** "from mcp.json": the row belongs to a file and is read-only here. Nothing for servers added here. */
export function SourceBadge({ server }: { server: Pick<ServerView, 'source' | 'sourceFile'> }) {
  if (server.source !== 'file') return null;
  const file = server.sourceFile?.split('/').at(-1) ?? 'the servers file';
  return (
    <Badge title={`Read-only here: it belongs to ${server.sourceFile ?? file}`}>
      <FileLock aria-hidden />
      from {file}
    </Badge>
  );
}
