'use client';
// The way into the editor of what models see of a tool.
import { Pencil } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import type { EditedTool } from './overlay-editor';

const OverlayEditor = dynamic(() => import('./overlay-editor'), { ssr: false });

export function EditToolButton({ edited }: { edited: EditedTool }) {
  const [open, setOpen] = useState(false);
  const label = `Edit what models see of ${edited.tool}`;
  return (
    <>
      <Button size="icon-sm" aria-label={label} title={label} onClick={() => setOpen(true)}>
        <Pencil aria-hidden />
      </Button>
      {open && <OverlayEditor edited={edited} onClose={() => setOpen(false)} />}
    </>
  );
}
