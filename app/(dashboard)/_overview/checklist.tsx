// The first steps, until all are done.
import { Circle, CircleCheck } from 'lucide-react';
import Link from 'next/link';
import { buttonClass } from '@/app/_ui/button';
import { Panel, PanelHeader } from '@/app/_ui/panel';

export interface Step {
  done: boolean;
  title: string;
  text: string;
  href: string;
  action: string;
}

export function Checklist({ steps }: { steps: readonly Step[] }) {
  const next = steps.find((step) => !step.done);
  if (!next) return null;
  return (
    <Panel className="mb-6">
      <PanelHeader title="First steps" />
      <ol className="hairlines">
        {steps.map((step) => (
          <li key={step.title} className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3 text-table">
            {step.done ? (
              <CircleCheck aria-label="Done" className="size-4 shrink-0 text-ok" />
            ) : (
              <Circle aria-label="Open" className="size-4 shrink-0 text-muted-foreground" />
            )}
            <div className="min-w-0 flex-1 basis-56">
              <p className={step.done ? 'text-muted-foreground' : 'font-medium'}>{step.title}</p>
              {!step.done && <p className="text-muted-foreground">{step.text}</p>}
            </div>
            {!step.done && (
              <Link href={step.href} className={buttonClass(step === next ? 'primary' : 'secondary', 'sm')}>
                {step.action}
              </Link>
            )}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
