// The buttons of a long form in a dialog: they stay in sight while the fields scroll.
import type { ReactNode } from 'react';
import { DialogFooter } from '@/app/_ui/dialog';

export function FormFooter({ notice, children }: { notice?: ReactNode; children: ReactNode }) {
  return (
    <div className="sticky -bottom-4 -mx-5 -mb-4 rounded-b-dialog border-t border-border bg-popover">
      {notice && <div className="mx-5 my-3">{notice}</div>}
      <DialogFooter>{children}</DialogFooter>
    </div>
  );
}
