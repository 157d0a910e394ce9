import { hubPath } from '@/app/_ui/hub-path';
import { buttonClass } from '../_ui/button';
import { Notice } from '../_ui/notice';

/** What a page says whose one-time link does not work any more. */
export function DeadLink({ title, hint }: { title: string; hint: string }) {
  return (
    <>
      <h1 className="mb-4 text-title">{title}</h1>
      <Notice tone="warn" title="It was used, replaced or revoked, or is too old." hint={hint} />
      <a href={hubPath('/signin')} className={buttonClass('secondary', 'md', 'mt-4')}>
        Sign in
      </a>
    </>
  );
}
