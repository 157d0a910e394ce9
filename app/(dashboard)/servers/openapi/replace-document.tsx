'use client';
// Another document for a server: where it comes from, then what would change. Nothing is saved here.
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Dialog, DialogBody, DialogContent, DialogFooter } from '@/app/_ui/dialog';
import { Notice } from '@/app/_ui/notice';
import type { DocumentReading, DocumentSource, OpenApiView } from '@/lib/openapi/schema';
import { changeLines, changeOf, changeWords } from './document-change';
import { DocumentHead } from './document-head';
import { DocumentSourceForm } from './document-source';

export interface Replacement {
  source: DocumentSource;
  reading: DocumentReading;
}

export interface ReplaceDocumentProps {
  /** The document that the server has. */
  reading: DocumentReading;
  stored: OpenApiView | null;
  onReplace: (replacement: Replacement) => void;
  onClose: () => void;
}

export function ReplaceDocument({ reading, stored, onReplace, onClose }: ReplaceDocumentProps) {
  const [read, setRead] = useState<Replacement | null>(null);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent title="Replace the document" size="lg">
        {read ? (
          <>
            <DialogBody className="flex flex-col gap-4">
              <DocumentHead reading={read.reading} />
              <ChangeNotice before={reading} after={read.reading} />
            </DialogBody>
            <DialogFooter>
              <Button variant="ghost" onClick={() => setRead(null)}>
                Another document
              </Button>
              <Button variant="primary" onClick={() => onReplace(read)}>
                Use this document
              </Button>
            </DialogFooter>
          </>
        ) : (
          <DocumentSourceForm
            filters={{ include: stored?.include, exclude: stored?.exclude }}
            knownUrl={stored?.documentUrl}
            onRead={(source, after) => setRead({ source, reading: after })}
          />
        )}
      </DialogContent>
    </Dialog>
  );
}

/** What a document would change, before it is saved. */
export function ChangeNotice({ before, after }: { before: DocumentReading; after: DocumentReading }) {
  const change = changeOf(before, after);
  return (
    <Notice
      tone={change.removed.length > 0 ? 'warn' : 'busy'}
      title={changeWords(change, 'operation') ?? 'The operations are the same as before.'}
      cause={changeLines(change)}
      hint="Nothing is saved yet."
    />
  );
}
