'use client';
// A JSON value as a tree, open to the second level.
import { collapseAllNested, defaultStyles, JsonView as Tree } from 'react-json-view-lite';
import { cn } from './cn';

const style = {
  ...defaultStyles,
  container: 'font-mono text-[0.75rem] leading-[1.125rem]',
  basicChildStyle: 'pl-4',
  childFieldsContainer: 'm-0 list-none p-0',
  label: 'mr-1 text-foreground font-medium',
  clickableLabel: 'mr-1 cursor-pointer text-foreground font-medium',
  nullValue: 'text-muted-foreground',
  undefinedValue: 'text-muted-foreground',
  stringValue: 'text-ok break-words whitespace-pre-wrap',
  booleanValue: 'text-auth',
  numberValue: 'figures text-link',
  otherValue: 'text-foreground',
  punctuation: 'mr-1 text-muted-foreground',
  collapseIcon: "-ml-4 inline-block w-4 cursor-pointer text-muted-foreground after:content-['▾']",
  expandIcon: "-ml-4 inline-block w-4 cursor-pointer text-muted-foreground after:content-['▸']",
  collapsedContent: "mr-1 cursor-pointer text-muted-foreground after:content-['…']",
  noQuotesForStringValues: false,
  quotesForFieldNames: false,
};

export interface JsonViewProps {
  value: unknown;
  /** Levels that are open at first. */
  open?: number;
  className?: string;
}

export function JsonView({ value, open = 2, className }: JsonViewProps) {
  if (typeof value !== 'object' || value === null) {
    return (
      <pre className={cn('font-mono text-[0.75rem] break-words whitespace-pre-wrap', className)}>
        {JSON.stringify(value)}
      </pre>
    );
  }
  return (
    <div className={cn('overflow-x-auto', className)}>
      <Tree
        data={value}
        style={style}
        shouldExpandNode={open === 0 ? collapseAllNested : (level) => level < open}
        clickToExpandNode
      />
    </div>
  );
}
