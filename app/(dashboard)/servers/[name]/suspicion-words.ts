import type { ToolSuspicion } from '@/lib/servers/schema';

export const suspicionWords: Record<ToolSuspicion, string> = {
  'hidden-characters': 'hidden characters',
  'look-alike-name': 'name looks like another',
};
