'use client';
// The content blocks of a result as a person reads them. Everything is text; images come from their own bytes alone,
// never from an address.
import { File, Link2 } from 'lucide-react';
import { CopyButton } from '@/app/_ui/copy-button';
import { formatBytes } from '@/app/_ui/format';

interface Block {
  type?: unknown;
  text?: unknown;
  data?: unknown;
  mimeType?: unknown;
  uri?: unknown;
  name?: unknown;
  description?: unknown;
  resource?: { uri?: unknown; mimeType?: unknown; text?: unknown; blob?: unknown };
}

export function RenderedResult({ result }: { result: unknown }) {
  const content = (result as { content?: unknown } | null | undefined)?.content;
  const blocks = Array.isArray(content) ? (content as Block[]) : [];
  if (blocks.length === 0)
    return (
      <p className="text-table text-muted-foreground">The answer has no content to show. See Structured or Raw.</p>
    );
  return (
    <div className="flex flex-col gap-3">
      {blocks.map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks have no other name and never move
        <ContentBlock key={index} block={block} />
      ))}
    </div>
  );
}

function ContentBlock({ block }: { block: Block }) {
  switch (block.type) {
    case 'text':
      return <TextBlock text={textOf(block.text)} />;
    case 'image':
      return <ImageBlock data={textOf(block.data)} mimeType={textOf(block.mimeType)} />;
    case 'audio':
      return <BytesBlock what="Audio" mimeType={textOf(block.mimeType)} base64={textOf(block.data)} />;
    case 'resource_link':
      return <ResourceLink block={block} />;
    case 'resource':
      return <EmbeddedResource resource={block.resource ?? {}} />;
    default:
      return <TextBlock text={JSON.stringify(block, null, 2)} />;
  }
}

function TextBlock({ text }: { text: string }) {
  return (
    <div className="relative rounded-panel border border-border bg-sunken">
      <div className="absolute top-1 right-1">
        <CopyButton text={text} label="Copy the text" />
      </div>
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by keyboard (WCAG 2.1.1)
        tabIndex={0}
        className="max-h-[32rem] overflow-auto p-3 pr-10 font-mono text-[0.75rem] leading-[1.125rem] break-words whitespace-pre-wrap"
      >
        {text}
      </pre>
    </div>
  );
}

/** Kinds that every browser draws and that cannot run anything. */
const drawable: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp',
]);

function ImageBlock({ data, mimeType }: { data: string; mimeType: string }) {
  const isDrawable = drawable.has(mimeType.toLowerCase()) && /^[A-Za-z0-9+/=\s]*$/.test(data);
  if (!isDrawable) return <BytesBlock what="Image" mimeType={mimeType} base64={data} />;
  return (
    <figure className="flex flex-col gap-1">
      {/* biome-ignore lint/performance/noImgElement: the bytes are here already, there is nothing to optimise */}
      <img
        src={`data:${mimeType.toLowerCase()};base64,${data}`}
        alt="Made by the tool"
        className="max-h-[32rem] max-w-full self-start rounded-panel border border-border object-contain"
      />
      <figcaption className="text-caption font-normal text-muted-foreground">{mimeType}</figcaption>
    </figure>
  );
}

function BytesBlock({ what, mimeType, base64 }: { what: string; mimeType: string; base64: string }) {
  const { value, unit } = formatBytes(Math.floor((base64.length * 3) / 4));
  return (
    <p className="flex items-center gap-2 text-table">
      <File aria-hidden className="size-4 shrink-0 text-muted-foreground" />
      {what}, {mimeType || 'unknown type'}, {value} {unit}
    </p>
  );
}

function ResourceLink({ block }: { block: Block }) {
  return (
    <div className="flex items-start gap-2 text-table">
      <Link2 aria-hidden className="mt-0.5 size-4 shrink-0 text-muted-foreground" />
      <div className="min-w-0">
        <p className="font-medium break-words">{textOf(block.name) || 'Resource'}</p>
        <code className="font-mono text-[0.75rem] break-all">{textOf(block.uri)}</code>
        {textOf(block.description) && <p className="text-muted-foreground">{textOf(block.description)}</p>}
      </div>
    </div>
  );
}

function EmbeddedResource({ resource }: { resource: NonNullable<Block['resource']> }) {
  const mimeType = textOf(resource.mimeType);
  return (
    <div className="flex flex-col gap-1">
      <code className="font-mono text-[0.75rem] break-all text-muted-foreground">
        {textOf(resource.uri)} {mimeType && `(${mimeType})`}
      </code>
      {typeof resource.text === 'string' ? (
        <TextBlock text={resource.text} />
      ) : mimeType.startsWith('image/') ? (
        <ImageBlock data={textOf(resource.blob)} mimeType={mimeType} />
      ) : (
        <BytesBlock what="Resource" mimeType={mimeType} base64={textOf(resource.blob)} />
      )}
    </div>
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
